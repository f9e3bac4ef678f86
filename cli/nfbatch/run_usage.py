"""What the tasks of a run asked for and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nfbatch import cost, run, tasks, usage
from nfbatch.s3_uri import S3Uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run
    from nfbatch.usage import Usage


def collect(
    aws: Aws, deployment: Deployment, head: Run | None, known: dict[str, Any] | None
) -> list[Usage]:
    """All that is known of a run's head and tasks.

    Args:
        aws: The account and region.
        deployment: The deployment.
        head: The run; None if Batch has forgotten it.
        known: Its run.json, if there is one.
    """
    rows = table(aws, known)
    ids = [row["native_id"] for row in rows if run.JOB_ID.fullmatch(row.get("native_id") or "")]
    jobs = {job["jobId"]: job for job in run.describe(aws, ids)} if head else {}
    found = [usage.of_task(row, jobs.get(row.get("native_id") or "")) for row in rows]
    if head is None:
        return found
    if is_missing(rows, known):
        others = tasks.since(aws, deployment, head, known)
    elif head.has_ended:
        others = []
    else:
        others = tasks.alive(aws, deployment, head, known)
    return [*found, *of_jobs([job for job in others if job["jobId"] not in jobs], known), of(head)]


def table(aws: Aws, known: dict[str, Any] | None) -> list[dict[str, str]]:
    """The rows of the tables of all attempts.

    Args:
        aws: The account and region.
        known: The run's run.json, if there is one.
    """
    attempts = (known or {}).get("attempts", [])
    return [row for each in attempts for row in tasks.table(aws, S3Uri.parse(each["logs"]))]


def is_missing(rows: Sequence[dict[str, str]], known: dict[str, Any] | None) -> bool:
    """Whether there is no table, as of a simulated run.

    Args:
        rows: The rows of the table.
        known: The run's run.json, if there is one.
    """
    counts = (known or {}).get("tasks")
    # Without the head's plugin, tasks are not counted either.
    return not rows and (not counts or any(counts.values()))


def of_jobs(jobs: Sequence[dict[str, Any]], known: dict[str, Any] | None) -> list[Usage]:
    """The usage of jobs that are in no table.

    Args:
        jobs: The jobs.
        known: The run's run.json, if there is one.
    """
    return [usage.of_job(job, (known or {}).get("processes", {})) for job in jobs]


def of(head: Run) -> Usage:
    """The usage of a head.

    Args:
        head: The run.
    """
    return usage.of_job(head.job | {"jobName": cost.HEAD}, ())
