"""The operations that only read, as requests and answers."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.limits import MAX_DESCRIBED_JOBS
from local_aws.batch.listing import matches, page

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch
    from local_aws.batch.job_definition import JobDefinition

Json = dict[str, Any]
Item = TypeVar("Item")

_PAGE = 100
_JOBS_PAGE = 1000


def _paged(
    request: Json,
    items: list[Item],
    identity: Callable[[Item], str],
    member: str,
    show: Callable[[Item], Any],
    *,
    most: int = _PAGE,
) -> Json:
    cut, token = page(
        items,
        identity,
        most=most,
        limit=request.get("maxResults"),
        token=request.get("nextToken"),
    )
    answer: Json = {member: [show(item) for item in cut]}
    return answer | ({"nextToken": token} if token else {})


def _found(references: Iterable[str], find: Callable[[str], Item | None]) -> list[Item]:
    return [item for item in map(find, references) if item is not None]


def compute_environments(backend: "LocalBatch", request: Json) -> Json:
    """DescribeComputeEnvironments; unknown names are left out."""
    names = request.get("computeEnvironments")
    items = (
        _found(names, backend.compute_environment)
        if names
        else list(backend.compute_environments.values())
    )
    return _paged(
        request,
        items,
        lambda item: item.arn,
        "computeEnvironments",
        lambda item: item.describe(backend.tags_of(item.arn)),
    )


def job_queues(backend: "LocalBatch", request: Json) -> Json:
    """DescribeJobQueues; unknown names are left out."""
    names = request.get("jobQueues")
    items = _found(names, backend.job_queue) if names else list(backend.job_queues.values())
    return _paged(
        request,
        items,
        lambda item: item.arn,
        "jobQueues",
        lambda item: item.describe(backend.tags_of(item.arn)),
    )


def job_definitions(backend: "LocalBatch", request: Json) -> Json:
    """DescribeJobDefinitions by list, name, status, or all."""
    items = list(backend.job_definitions.values())
    references = request.get("jobDefinitions")
    if references:
        items = [item for item in items if _is_named(item, references)]
    if "jobDefinitionName" in request:
        items = [item for item in items if item.name == request["jobDefinitionName"]]
    if "status" in request:
        items = [item for item in items if item.status == request["status"]]
    return _paged(
        request,
        items,
        lambda item: item.arn,
        "jobDefinitions",
        lambda item: item.describe(backend.tags_of(item.arn)),
    )


def _is_named(definition: "JobDefinition", references: list[str]) -> bool:
    return any(
        reference.rpartition("/")[2]
        in (definition.name, f"{definition.name}:{definition.revision}")
        for reference in references
    )


def jobs(backend: "LocalBatch", request: Json) -> Json:
    """DescribeJobs by id or ARN; unknown ones are left out."""
    wanted = request["jobs"]
    if not 1 <= len(wanted) <= MAX_DESCRIBED_JOBS:
        raise request_error(f"jobs must have between 1 and {MAX_DESCRIBED_JOBS} entries")
    with backend.lock:
        found = _found(wanted, lambda reference: backend.jobs.get(reference.rpartition("/")[2]))
        return {"jobs": [job.describe(_tags_of_job(backend, job)) for job in found]}


def _tags_of_job(backend: "LocalBatch", job: Job) -> dict[str, str]:
    return backend.tags_of((job.parent or job).arn)


def list_jobs(backend: "LocalBatch", request: Json) -> Json:
    """ListJobs, the most recent first; RUNNING ones if neither status nor filter is given."""
    with backend.lock:
        items = _listed(backend, request)
        filters = request.get("filters", [])
        if len(filters) > 1:
            raise request_error("Only one filter can be used at a time")
        for entry in filters:
            items = [job for job in items if matches(job, entry["name"], entry.get("values", []))]
        by_share = bool(filters) and filters[0]["name"] == "SHARE_IDENTIFIER"
        if not filters or (by_share and "jobStatus" in request):
            status = request.get("jobStatus", "RUNNING")
            items = [job for job in items if job.status == status]
        return _paged(
            request,
            items,
            lambda job: job.id,
            "jobSummaryList",
            lambda job: job.summary(),
            most=_PAGE if filters else _JOBS_PAGE,
        )


def _listed(backend: "LocalBatch", request: Json) -> list[Job]:
    given = [name for name in ("jobQueue", "arrayJobId", "multiNodeJobId") if name in request]
    if len(given) != 1:
        raise request_error("Specify one of jobQueue, arrayJobId and multiNodeJobId")
    if given == ["jobQueue"]:
        queue = backend.job_queue(request["jobQueue"])
        if queue is None:
            raise request_error(f"JobQueue {request['jobQueue']} not found")
        newest = reversed(backend.jobs.values())
        return [job for job in newest if job.queue is queue and job.parent is None]
    parent = backend.jobs.get(request.get("arrayJobId", ""))
    return list(parent.children) if parent else []


def job_queue_snapshot(backend: "LocalBatch", request: Json) -> Json:
    """GetJobQueueSnapshot: the first 100 RUNNABLE jobs."""
    with backend.lock:
        queue = backend.job_queue(request["jobQueue"])
        if queue is None:
            raise request_error(f"JobQueue {request['jobQueue']} not found")
        front = [
            {"jobArn": job.arn, "earliestTimeAtPosition": job.created_at}
            for job in queue.waiting[:_PAGE]
        ]
        updated = max((job.created_at for job in queue.waiting), default=0)
        return {"frontOfQueue": {"jobs": front, "lastUpdatedAt": updated}}


def scheduling_policies(backend: "LocalBatch", request: Json) -> Json:
    """DescribeSchedulingPolicies; unknown ARNs are left out."""
    found = _found(request["arns"], backend.scheduling_policies.get)
    return {"schedulingPolicies": [item.describe(backend.tags_of(item.arn)) for item in found]}


def list_scheduling_policies(backend: "LocalBatch", request: Json) -> Json:
    """ListSchedulingPolicies."""
    return _paged(
        request,
        list(backend.scheduling_policies),
        str,
        "schedulingPolicies",
        lambda arn: {"arn": arn},
    )


def tags(backend: "LocalBatch", request: Json) -> Json:
    """ListTagsForResource."""
    arn = request["resourceArn"]
    if not backend.known_arn(arn):
        raise ClientException(f"{arn} does not exist")
    return {"tags": backend.tags_of(arn)}
