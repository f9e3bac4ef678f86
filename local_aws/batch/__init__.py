"""AWS Batch in the place of moto's: real jobs, with AWS's behaviour and limits.

`install` makes moto serve it.
"""

from moto.batch import urls

from local_aws.batch import hosts
from local_aws.batch.agent import Authorize
from local_aws.batch.api import BatchApi
from local_aws.batch.execution import Execution
from local_aws.batch.image import RELEASES
from local_aws.batch.runner import Runner
from local_aws.batch.runtime import RUNTIME
from local_aws.batch.service import all_batches, forget_all

__all__ = ["fail_next_pull", "install", "publish_images", "reclaim_host", "reset"]


def install(
    runner: Runner, *, endpoint: str, agent: str, authorize: Authorize | None = None
) -> None:
    """Make moto serve this Batch, and say how jobs run.

    Call it again, for example for the next server of the process, to change the latter.

    Args:
        runner: What starts containers.
        endpoint: The URL of this AWS as a job's container reaches it. Jobs get it as
            AWS_ENDPOINT_URL.
        agent: The URL of what plays the ECS agent, from which jobs get their role's credentials.
        authorize: Decides about the agent's own calls.
    """
    hosts.install()
    RUNTIME.runner = runner
    RUNTIME.endpoint = endpoint
    RUNTIME.agent = agent
    RUNTIME.authorize = authorize
    # A resource's ARN is one path segment, or two once its slash has been decoded.
    urls.url_paths = dict.fromkeys(
        (
            "{0}/v1/(?P<operation>[a-z]+)$",
            "{0}/v1/tags/(?P<arn>[^/]+)$",
            "{0}/v1/tags/(?P<arn_start>[^/]+)/(?P<arn_end>[^/]+)$",
        ),
        BatchApi.dispatch,
    )


def reset() -> None:
    """Stop all jobs and forget the state of Batch, as between two servers of one process."""
    forget_all()
    RUNTIME.pull_faults.clear()


def reclaim_host(job_id: str) -> None:
    """Take away the EC2 instance under a job, as Spot does.

    Its container dies without an exit code, and the attempt's status reason becomes
    `Host EC2 (instance i-...) terminated.`

    Args:
        job_id: The job; for an array job's child `PARENT:INDEX`.

    Raises:
        LookupError: The job has no attempt under way.
    """
    _execution(job_id).lose_host()


def _execution(job_id: str) -> Execution:
    for batch in all_batches():
        execution = batch.scheduler.execution_of(job_id)
        if execution is not None:
            return execution
    raise LookupError(f"job {job_id} is not STARTING or RUNNING")


def publish_images() -> None:
    """Publish newer AMIs, as Amazon does: environments keep theirs until they are told."""
    RELEASES.publish()


def fail_next_pull(image: str | None = None) -> None:
    """Let one image pull fail.

    Args:
        image: The image's name as the job definition has it; None for whatever comes next.
    """
    RUNTIME.pull_faults.add(image)
