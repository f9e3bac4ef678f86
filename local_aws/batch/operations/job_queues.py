"""The operations on job queues."""

from typing import Any

from local_aws.batch import limits
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.operations.pages import page
from local_aws.batch.service import Batch
from local_aws.batch.state import State

Json = dict[str, Any]
_SNAPSHOT_LENGTH = 100


def create(batch: Batch, request: Json) -> Json:
    """CreateJobQueue."""
    state, name = batch.state, request["jobQueueName"]
    limits.check_resource_name("jobQueueName", name)
    limits.check_time_limits(request.get("jobStateTimeLimitActions", []))
    limits.check_tags(request.get("tags", {}))
    with state.lock:
        if state.find_job_queue(name):
            raise ClientException("Object already exists")
        if len(state.job_queues) >= limits.MAX_QUEUES:
            raise request_error(f"Job queue limit of {limits.MAX_QUEUES} exceeded")
        environments = _ordered(state, request.get("computeEnvironmentOrder", []))
        _check_policy(state, request.get("schedulingPolicyArn"))
        queue = JobQueue(state.place, request, environments)
        state.job_queues[queue.arn] = queue
        state.add_tags(queue.arn, request.get("tags", {}))
    return {"jobQueueName": queue.name, "jobQueueArn": queue.arn}


def _ordered(state: State, order: list[Json]) -> list[ComputeEnvironment]:
    if not 1 <= len(order) <= limits.MAX_ENVIRONMENTS_PER_QUEUE:
        raise request_error(
            "computeEnvironmentOrder must name between 1 and "
            f"{limits.MAX_ENVIRONMENTS_PER_QUEUE} compute environments"
        )
    if len({entry["order"] for entry in order}) < len(order):
        raise request_error("computeEnvironmentOrder has the same order twice")
    ranked = sorted(order, key=lambda entry: int(entry["order"]))
    environments = [state.compute_environment(entry["computeEnvironment"]) for entry in ranked]
    for environment in environments:
        if environment.status != "VALID":
            raise ClientException(f"{environment.arn} is not in VALID state")
    if len({name for environment in environments for name in environment.architectures}) > 1:
        raise request_error("Compute environments of a job queue must share the same architecture")
    return environments


def _check_policy(state: State, arn: str | None) -> None:
    if arn is not None and arn not in state.scheduling_policies:
        raise ClientException(f"{arn} does not exist")


def update(batch: Batch, request: Json) -> Json:
    """UpdateJobQueue."""
    state = batch.state
    limits.check_time_limits(request.get("jobStateTimeLimitActions", []))
    with state.lock:
        queue = state.find_job_queue(request["jobQueue"])
        if queue is None:
            raise ClientException(f"{request['jobQueue']} does not exist")
        policy = request.get("schedulingPolicyArn", queue.policy_arn)
        if policy != queue.policy_arn and queue.policy_arn is None:
            raise request_error("A scheduling policy cannot be added to a FIFO job queue")
        _check_policy(state, policy)
        if "computeEnvironmentOrder" in request:
            order = request["computeEnvironmentOrder"]
            queue.set_environments(order, _ordered(state, order))
        queue.policy_arn = policy
        queue.state = request.get("state", queue.state)
        queue.priority = request.get("priority", queue.priority)
        queue.time_limits = request.get("jobStateTimeLimitActions", queue.time_limits)
        batch.scheduler.dispatch()
    return {"jobQueueName": queue.name, "jobQueueArn": queue.arn}


def delete(batch: Batch, request: Json) -> Json:
    """DeleteJobQueue: of a disabled one; its jobs are terminated."""
    state = batch.state
    with state.lock:
        queue = state.find_job_queue(request["jobQueue"])
        if queue is None:
            return {}
        if queue.state != "DISABLED":
            raise ClientException("Cannot delete, job queue state is not DISABLED")
        for job in [job for job in state.jobs.values() if job.queue is queue]:
            batch.scheduler.terminate(job, "Job queue deleted")
        del state.job_queues[queue.arn]
    return {}


def describe(batch: Batch, request: Json) -> Json:
    """DescribeJobQueues; unknown names are left out."""
    state = batch.state
    queues = list(state.job_queues.values())
    if names := request.get("jobQueues"):
        queues = [item for item in map(state.find_job_queue, names) if item is not None]
    return page(
        request,
        queues,
        lambda item: item.arn,
        "jobQueues",
        lambda item: item.describe(state.tags_of(item.arn)),
    )


def snapshot(batch: Batch, request: Json) -> Json:
    """GetJobQueueSnapshot: the first 100 RUNNABLE jobs."""
    with batch.state.lock:
        waiting = batch.scheduler.front(batch.state.job_queue(request["jobQueue"]))
        front = [
            {"jobArn": job.arn, "earliestTimeAtPosition": job.created_at}
            for job in waiting[:_SNAPSHOT_LENGTH]
        ]
        updated = max((job.created_at for job in waiting), default=0)
        return {"frontOfQueue": {"jobs": front, "lastUpdatedAt": updated}}
