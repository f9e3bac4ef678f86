"""SubmitJob: from a request to jobs in a queue."""

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local_aws.batch import container, limits
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.request import checked

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch


def submit(backend: "LocalBatch", request: dict[str, Any]) -> Job:
    """Submit a job.

    Args:
        backend: Batch in the account and region.
        request: The SubmitJob request.

    Returns:
        The job; for an array job its parent.

    Raises:
        ClientException: The request is wrong, or names what is not there.

    """
    request = checked("SubmitJob", request)
    limits.check_submission(request)
    with backend.lock:
        queue = _queue(backend, request)
        job = _job(backend, request, queue, _definition(backend, request))
        family = [job, *_children(backend, job, request)]
        backend.scheduler.dependencies.add(job, backend.jobs)
        backend.jobs.update({member.id: member for member in family})
        backend.add_tags(job.arn, request.get("tags", {}))
        backend.scheduler.add(family)
    return job


def _queue(backend: "LocalBatch", request: dict[str, Any]) -> JobQueue:
    queue = backend.job_queue(request["jobQueue"])
    if queue is None:
        raise request_error(f"JobQueue {request['jobQueue']} not found")
    if queue.state != "ENABLED":
        raise request_error(f"JobQueue {queue.arn} is not in ENABLED state")
    if (queue.policy_arn is not None) != ("shareIdentifier" in request):
        needed = "must be" if queue.policy_arn else "can't be"
        raise ClientException(
            f"shareIdentifier {needed} specified for job queue {queue.name}: it has "
            f"{'a' if queue.policy_arn else 'no'} scheduling policy"
        )
    return queue


def _definition(backend: "LocalBatch", request: dict[str, Any]) -> JobDefinition:
    definition = backend.job_definition(request["jobDefinition"])
    if definition is None:
        raise request_error(f"JobDefinition {request['jobDefinition']} not found")
    if definition.status != "ACTIVE":
        raise request_error(f"JobDefinition {definition.arn} is not in ACTIVE status")
    return definition


def _job(
    backend: "LocalBatch", request: dict[str, Any], queue: JobQueue, definition: JobDefinition
) -> Job:
    overrides = request.get("containerOverrides", {})
    parameters = definition.parameters | request.get("parameters", {})
    given = definition.request
    timeout = request.get("timeout") or given.get("timeout") or {}
    identity = str(uuid.uuid4())
    return Job(
        id=identity,
        arn=backend.arn("job", identity),
        name=request["jobName"],
        queue=queue,
        definition=definition,
        properties=container.effective(definition.container, overrides, parameters),
        overrides_length=container.overrides_length(overrides),
        parameters=parameters,
        depends_on=request.get("dependsOn", []),
        retry_strategy={"attempts": 1}
        | (request.get("retryStrategy") or given.get("retryStrategy") or {}),
        timeout=timeout.get("attemptDurationSeconds"),
        propagate_tags=request.get("propagateTags", given.get("propagateTags", False)),
        share_identifier=request.get("shareIdentifier"),
        scheduling_priority=request.get(
            "schedulingPriorityOverride", given.get("schedulingPriority", 0)
        ),
        array_size=request.get("arrayProperties", {}).get("size"),
    )


def _children(backend: "LocalBatch", parent: Job, request: dict[str, Any]) -> list[Job]:
    for index in range(request.get("arrayProperties", {}).get("size", 0)):
        identity = f"{parent.id}:{index}"
        child = replace(
            parent,
            id=identity,
            arn=backend.arn("job", identity),
            array_index=index,
            parent=parent,
            children=[],
            history=[],
        )
        parent.children.append(child)
    return parent.children
