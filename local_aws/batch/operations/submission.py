"""SubmitJob: from a request to jobs in a queue."""

import uuid
from dataclasses import replace
from typing import Any

from local_aws.batch import container, limits
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.place import Place
from local_aws.batch.service import Batch
from local_aws.batch.state import State

Json = dict[str, Any]


def submit(batch: Batch, request: Json) -> Json:
    """SubmitJob."""
    limits.check_submission(request)
    state = batch.state
    with state.lock:
        job = _job(state, request)
        family = [job, *_children(state.place, job)]
        state.jobs.update({member.id: member for member in family})
        state.add_tags(job.arn, request.get("tags", {}))
        batch.scheduler.add(family)
    return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}


def _queue(state: State, request: Json) -> JobQueue:
    queue = state.job_queue(request["jobQueue"])
    if queue.state != "ENABLED":
        raise request_error(f"JobQueue {queue.arn} is not in ENABLED state")
    if (queue.policy_arn is not None) != ("shareIdentifier" in request):
        rule = "must be" if queue.policy_arn else "can't be"
        raise ClientException(
            f"shareIdentifier {rule} specified for job queue {queue.name}: it has "
            f"{'a' if queue.policy_arn else 'no'} scheduling policy"
        )
    return queue


def _scheduling_priority(queue: JobQueue, request: Json, registered: Json) -> int:
    """The job's priority within its share, which a queue with shares requires.

    The literal message: https://github.com/nextflow-io/nextflow/pull/3505.
    """
    priority = request.get("schedulingPriorityOverride", registered.get("schedulingPriority"))
    if queue.policy_arn and priority is None:
        raise request_error(
            "Either schedulingPriority in job definition or schedulingPriorityOverride should be "
            "specified."
        )
    return int(priority or 0)


def _definition(state: State, request: Json) -> JobDefinition:
    definition = state.find_job_definition(request["jobDefinition"])
    if definition is None:
        raise request_error(f"JobDefinition {request['jobDefinition']} not found")
    if definition.status != "ACTIVE":
        raise request_error(f"JobDefinition {definition.arn} is not in ACTIVE status")
    return definition


def _job(state: State, request: Json) -> Job:
    queue, definition = _queue(state, request), _definition(state, request)
    overrides = request.get("containerOverrides", {})
    parameters = definition.parameters | request.get("parameters", {})
    registered = definition.request
    timeout = request.get("timeout") or registered.get("timeout") or {}
    strategy = request.get("retryStrategy") or registered.get("retryStrategy") or {}
    identity = str(uuid.uuid4())
    return Job(
        id=identity,
        arn=state.place.arn("job", identity),
        name=request["jobName"],
        queue=queue,
        definition=definition,
        properties=container.effective(definition.container, overrides, parameters),
        overrides_length=container.overrides_length(overrides),
        parameters=parameters,
        retry_strategy={"attempts": 1} | strategy,
        timeout=timeout.get("attemptDurationSeconds"),
        propagate_tags=request.get("propagateTags", registered.get("propagateTags", False)),
        share_identifier=request.get("shareIdentifier"),
        scheduling_priority=_scheduling_priority(queue, request, registered),
        array_size=request.get("arrayProperties", {}).get("size"),
    )


def _children(place: Place, parent: Job) -> list[Job]:
    for index in range(parent.array_size or 0):
        identity = f"{parent.id}:{index}"
        child = replace(
            parent,
            id=identity,
            arn=place.arn("job", identity),
            array_index=index,
            parent=parent,
            children=[],
            history=[],
        )
        parent.children.append(child)
    return parent.children
