"""The operations on jobs that were submitted."""

from collections.abc import Callable
from typing import Any

from local_aws.batch.errors import request_error
from local_aws.batch.job import Job
from local_aws.batch.limits import MAX_DESCRIBED_JOBS
from local_aws.batch.operations.job_filters import matches
from local_aws.batch.operations.pages import page
from local_aws.batch.service import Batch
from local_aws.batch.state import State

Json = dict[str, Any]
_LARGEST_PAGE = 1000
_LARGEST_FILTERED_PAGE = 100


def cancel(batch: Batch, request: Json) -> Json:
    """CancelJob; a job that does not exist is no error."""
    return _end(batch, request, batch.scheduler.cancel)


def terminate(batch: Batch, request: Json) -> Json:
    """TerminateJob; a job that does not exist is no error."""
    return _end(batch, request, batch.scheduler.terminate)


def _end(batch: Batch, request: Json, action: Callable[[Job, str], None]) -> Json:
    if not request["reason"] or not request["jobId"]:
        raise request_error("jobId and reason can't be empty")
    job = batch.state.find_job(request["jobId"])
    if job is not None:
        action(job, request["reason"])
    return {}


def describe(batch: Batch, request: Json) -> Json:
    """DescribeJobs by id or ARN; unknown ones are left out."""
    references, state = request["jobs"], batch.state
    if not 1 <= len(references) <= MAX_DESCRIBED_JOBS:
        raise request_error(f"jobs must have between 1 and {MAX_DESCRIBED_JOBS} entries")
    with state.lock:
        found = [job for job in map(state.find_job, references) if job is not None]
        return {"jobs": [job.describe(state.tags_of((job.parent or job).arn)) for job in found]}


def list_(batch: Batch, request: Json) -> Json:
    """ListJobs, the most recent first; RUNNING ones if neither status nor filter is given."""
    with batch.state.lock:
        jobs = _family(batch.state, request)
        filters = request.get("filters", [])
        if len(filters) > 1:
            raise request_error("Only one filter can be used at a time")
        for entry in filters:
            jobs = [job for job in jobs if matches(job, entry["name"], entry.get("values", []))]
        by_share = bool(filters) and filters[0]["name"] == "SHARE_IDENTIFIER"
        if not filters or (by_share and "jobStatus" in request):
            status = request.get("jobStatus", "RUNNING")
            jobs = [job for job in jobs if job.status == status]
        return page(
            request,
            jobs,
            lambda job: job.id,
            "jobSummaryList",
            lambda job: job.summary(),
            largest=_LARGEST_FILTERED_PAGE if filters else _LARGEST_PAGE,
        )


def _family(state: State, request: Json) -> list[Job]:
    """The jobs of a queue, or the children of an array job."""
    scopes = [name for name in ("jobQueue", "arrayJobId", "multiNodeJobId") if name in request]
    if len(scopes) != 1:
        raise request_error("Specify one of jobQueue, arrayJobId and multiNodeJobId")
    if scopes == ["jobQueue"]:
        queue = state.job_queue(request["jobQueue"])
        newest = reversed(state.jobs.values())
        return [job for job in newest if job.queue is queue and job.parent is None]
    parent = state.jobs.get(request.get("arrayJobId", ""))
    return list(parent.children) if parent else []
