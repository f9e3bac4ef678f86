"""The operations that change something, as requests and answers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local_aws.batch import scheduling_policy
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.limits import MAX_BULK
from local_aws.batch.submission import submit

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch

Json = dict[str, Any]


def create_compute_environment(backend: "LocalBatch", request: Json) -> Json:
    """CreateComputeEnvironment."""
    made = backend.create_compute_environment(request)
    return {"computeEnvironmentName": made.name, "computeEnvironmentArn": made.arn}


def update_compute_environment(backend: "LocalBatch", request: Json) -> Json:
    """UpdateComputeEnvironment."""
    changed = backend.update_compute_environment(request)
    return {"computeEnvironmentName": changed.name, "computeEnvironmentArn": changed.arn}


def delete_compute_environment(backend: "LocalBatch", request: Json) -> Json:
    """DeleteComputeEnvironment."""
    backend.delete_compute_environment(request)
    return {}


def create_job_queue(backend: "LocalBatch", request: Json) -> Json:
    """CreateJobQueue."""
    made = backend.create_job_queue(request)
    return {"jobQueueName": made.name, "jobQueueArn": made.arn}


def update_job_queue(backend: "LocalBatch", request: Json) -> Json:
    """UpdateJobQueue."""
    changed = backend.update_job_queue(request)
    return {"jobQueueName": changed.name, "jobQueueArn": changed.arn}


def delete_job_queue(backend: "LocalBatch", request: Json) -> Json:
    """DeleteJobQueue."""
    backend.delete_job_queue(request)
    return {}


def register_job_definition(backend: "LocalBatch", request: Json) -> Json:
    """RegisterJobDefinition."""
    made = backend.register_job_definition(request)
    return {
        "jobDefinitionName": made.name,
        "jobDefinitionArn": made.arn,
        "revision": made.revision,
    }


def deregister_job_definition(backend: "LocalBatch", request: Json) -> Json:
    """DeregisterJobDefinition."""
    backend.deregister_job_definition(request)
    return {}


def create_scheduling_policy(backend: "LocalBatch", request: Json) -> Json:
    """CreateSchedulingPolicy."""
    made = scheduling_policy.create(backend, request)
    return {"name": made.name, "arn": made.arn}


def update_scheduling_policy(backend: "LocalBatch", request: Json) -> Json:
    """UpdateSchedulingPolicy."""
    policy = backend.scheduling_policies.get(request["arn"])
    if policy is None:
        raise ClientException(f"{request['arn']} does not exist")
    policy.update(request.get("fairsharePolicy", {}))
    return {}


def delete_scheduling_policy(backend: "LocalBatch", request: Json) -> Json:
    """DeleteSchedulingPolicy."""
    scheduling_policy.delete(backend, request["arn"])
    return {}


def submit_job(backend: "LocalBatch", request: Json) -> Json:
    """SubmitJob."""
    job = submit(backend, request)
    return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}


def cancel_job(backend: "LocalBatch", request: Json) -> Json:
    """CancelJob; a job that is not there is no error, as in the bulk operation."""
    _each(backend, [request["jobId"]], request["reason"], backend.scheduler.cancel)
    return {}


def terminate_job(backend: "LocalBatch", request: Json) -> Json:
    """TerminateJob; a job that is not there is no error, as in the bulk operation."""
    _each(backend, [request["jobId"]], request["reason"], backend.scheduler.terminate)
    return {}


def cancel_jobs(backend: "LocalBatch", request: Json) -> Json:
    """CancelJobs."""
    _each(backend, request["jobs"], request["reason"], backend.scheduler.cancel)
    return {"successful": request["jobs"], "errors": []}


def terminate_jobs(backend: "LocalBatch", request: Json) -> Json:
    """TerminateJobs."""
    _each(backend, request["jobs"], request["reason"], backend.scheduler.terminate)
    return {"successful": request["jobs"], "errors": []}


def _each(
    backend: "LocalBatch", jobs: list[str], reason: str, action: Callable[[Job, str], None]
) -> None:
    if not reason or not all(jobs):
        raise request_error("jobId and reason can't be empty")
    if len(jobs) > MAX_BULK:
        raise request_error(f"jobs must have at most {MAX_BULK} entries")
    for reference in jobs:
        job = backend.jobs.get(reference.rpartition("/")[2])
        if job is not None:
            action(job, reason)


def tag_resource(backend: "LocalBatch", request: Json) -> Json:
    """TagResource."""
    backend.add_tags(_tagged(backend, request), request["tags"])
    return {}


def untag_resource(backend: "LocalBatch", request: Json) -> Json:
    """UntagResource."""
    backend.remove_tags(_tagged(backend, request), request["tagKeys"])
    return {}


def _tagged(backend: "LocalBatch", request: Json) -> str:
    arn: str = request["resourceArn"]
    if not backend.known_arn(arn):
        raise ClientException(f"{arn} does not exist")
    return arn
