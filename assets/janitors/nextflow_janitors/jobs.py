"""The jobs of a deployment that Batch knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: In the order in which jobs pass through them, so that none slips by between two calls.
ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
# https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
_DESCRIBED_AT_ONCE = 100


def listed(batch: Any, queues: Iterable[str], statuses: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Summaries of jobs; a job that moves on meanwhile may come twice.

    Args:
        batch: The client.
        queues: The queues' names.
        statuses: In which states.
    """
    paginator = batch.get_paginator("list_jobs")
    statuses = tuple(statuses)
    for queue in queues:
        for status in statuses:
            for page in paginator.paginate(jobQueue=queue, jobStatus=status):
                yield from page["jobSummaryList"]


def described(batch: Any, ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Jobs as DescribeJobs returns them.

    Args:
        batch: The client.
        ids: Their ids.
    """
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _DESCRIBED_AT_ONCE):
        yield from batch.describe_jobs(jobs=wanted[start : start + _DESCRIBED_AT_ONCE])["jobs"]


def has_any(batch: Any, queues: Iterable[str], definition: str) -> bool:
    """Tell whether Batch knows any job of a definition, in whatever state.

    Args:
        batch: The client.
        queues: The queues' names.
        definition: The ARN of a revision.
    """
    wanted = [{"name": "JOB_DEFINITION", "values": [definition]}]
    pages = batch.get_paginator("list_jobs")
    return any(
        page["jobSummaryList"]
        for queue in queues
        for page in pages.paginate(jobQueue=queue, filters=wanted)
    )


def is_of(job: dict[str, Any], definition: str) -> bool:
    """Tell whether a job is of a definition, in any revision.

    Args:
        job: A job, or its summary.
        definition: The definition's name.
    """
    arn = str(job.get("jobDefinition", ""))
    return arn.rpartition("/")[2].partition(":")[0] == definition
