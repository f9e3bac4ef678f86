"""AWS Batch on top of moto: real jobs, with AWS's behaviour and limits.

`install` puts this in the place of moto's Batch, once per process.
"""

from typing import Any

from moto.batch.models import batch_backends
from moto.cloudformation import parsing

from local_aws.batch.attempt import Attempt
from local_aws.batch.backend import LocalBatch
from local_aws.batch.runner import Runner
from local_aws.batch.runtime import RUNTIME

__all__ = ["fail_next_pull", "install", "reclaim_host", "reset"]


def install(
    runner: Runner | None = None,
    *,
    endpoint: str | None = None,
    agent: str | None = None,
    stop_timeout: float = 30,
) -> None:
    """Make moto serve this Batch, and say how jobs run.

    Call it again, for example for the next server of the process, to change the latter.

    Args:
        runner: What starts containers; without one every job fails to start.
        endpoint: The URL of this AWS as a job's container reaches it. Jobs get it as
            AWS_ENDPOINT_URL.
        agent: The URL of what plays the ECS agent, from which jobs get their role's credentials;
            by default the endpoint.
        stop_timeout: Seconds between SIGTERM and SIGKILL when a job is stopped.

    """
    RUNTIME.runner = runner
    RUNTIME.endpoint = endpoint
    RUNTIME.agent = agent or endpoint
    RUNTIME.stop_timeout = stop_timeout
    if batch_backends.backend is LocalBatch:
        return
    batch_backends.clear()
    batch_backends.backend = LocalBatch
    # moto asks for the subclasses of CloudFormationModel once and finds, of two with the same
    # type, the one defined last: ours.
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()


def reset() -> None:
    """Stop all jobs and forget the state of Batch, as between two servers of one process."""
    for accounts in list(batch_backends.values()):
        for backend in list(accounts.values()):
            backend.reset()
    RUNTIME.pull_faults.pending.clear()


def _attempt(job_id: str) -> Attempt:
    for _, _, backend in batch_backends.iter_backends():
        job: Any = backend.jobs.get(job_id)
        if job is not None and job.attempt is not None and not job.attempt.ended:
            attempt: Attempt = job.attempt
            return attempt
    raise LookupError(f"job {job_id} is not STARTING or RUNNING")


def reclaim_host(job_id: str) -> None:
    """Take away the EC2 instance under a job, as Spot does.

    Its container dies without an exit code, and the attempt's status reason becomes
    `Host EC2 (instance i-...) terminated.`

    Args:
        job_id: The job; for an array job's child `PARENT:INDEX`.

    Raises:
        LookupError: The job has no attempt under way.

    """
    _attempt(job_id).lose_host()


def fail_next_pull(image: str | None = None, count: int = 1) -> None:
    """Let image pulls fail.

    Args:
        image: The image's name as the job definition has it; None for whatever comes next.
        count: How many pulls.

    """
    RUNTIME.pull_faults.add(image, count)
