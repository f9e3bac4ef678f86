"""The tasks of a run: Batch knows those that live, the head's table those that ended."""

from __future__ import annotations

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch import record, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run
    from nfbatch.s3_uri import S3Uri

#: In the order in which jobs pass through them.
ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
_SESSION_TAG = "nextflow-session"
_THREADS = 8


def alive(
    aws: Aws, deployment: Deployment, head: Run, known: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """The tasks of a run that have not ended, as DescribeJobs tells them.

    ListJobs returns a thousand jobs of one status with each call, and cannot be limited to a run.
    So few calls find all living tasks of the deployment, and a call for a hundred of them tells
    whose they are.

    Args:
        aws: The account and region.
        deployment: The deployment.
        head: The run.
        known: Its run.json, if there is one.
    """
    batch = aws.client("batch")
    paginator = batch.get_paginator("list_jobs")

    def listed(place: tuple[str, str]) -> list[str]:
        queue, status = place
        pages = paginator.paginate(jobQueue=queue, jobStatus=status)
        return [
            job["jobId"]
            for page in pages
            for job in page["jobSummaryList"]
            if not run.is_head(job, deployment)
        ]

    places = [(queue, status) for status in ALIVE for queue in deployment.queues]
    with ThreadPoolExecutor(_THREADS) as pool:
        # A job that moves on meanwhile is in two lists.
        ids = list(dict.fromkeys(job for jobs in pool.map(listed, places) for job in jobs))
    session, work = _marks(deployment, head, known)
    return [
        job
        for job in run.describe(aws, ids)
        if job["status"] in ALIVE and _belongs(job, session, work)
    ]


def work_directory(deployment: Deployment, head: Run, known: dict[str, Any] | None) -> S3Uri:
    """The work directory of a run: of a resumed run, that of the job which began the session.

    Args:
        deployment: The deployment.
        head: The run.
        known: Its run.json, if there is one.
    """
    folder = str((known or {}).get("session", {}).get("folder") or f"run-{head.id}")
    return deployment.runs / folder.rpartition("/")[2] / "work"


def _marks(
    deployment: Deployment, head: Run, known: dict[str, Any] | None
) -> tuple[str | None, str]:
    """The session and work directory of a run's tasks."""
    session = (known or {}).get("session", {}).get("id")
    return session, f"{work_directory(deployment, head, known)}/"


def _belongs(job: dict[str, Any], session: str | None, work: str) -> bool:
    """Whether a task is of a session: by its tag, or by the work directory in its command."""
    if session and job.get("tags", {}).get(_SESSION_TAG) == session:
        return True
    command = job.get("container", {}).get("command", [])
    return any(work in word for word in command)


@dataclass(frozen=True)
class Task:
    """A task that has ended, as a row of the head's table.

    Attributes:
        name: Such as `ALIGN (sample 7)`.
        status: COMPLETED, CACHED, FAILED or ABORTED.
        exit: Its exit status, `-` if it has none.
        job: The id of its Batch job.
        hash: The beginning of its work directory, such as `ab/cdef01`.
        duration: From its submission to its end, in Nextflow's words.
    """

    name: str
    status: str
    exit: str
    job: str
    hash: str
    duration: str

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return dict(vars(self))


def ended(aws: Aws, attempt_logs: S3Uri) -> list[Task]:
    """The tasks that ended in an attempt of a run.

    Args:
        aws: The account and region.
        attempt_logs: Where the attempt's reports are; the head uploads them every 30 s.
    """
    return [
        Task(
            name=row.get("name") or "-",
            status=row.get("status") or "-",
            exit=row.get("exit") or "-",
            job=row.get("native_id") or "-",
            hash=row.get("hash") or "-",
            duration=row.get("duration") or "-",
        )
        for row in table(aws, attempt_logs)
    ]


def table(aws: Aws, attempt_logs: S3Uri) -> list[dict[str, str]]:
    """The rows of the table that the head's plugin writes; none if there is no plugin.

    Args:
        aws: The account and region.
        attempt_logs: As above.
    """
    text = record.content(aws, attempt_logs / "tasks.tsv")
    if text is None:
        return []
    return list(csv.DictReader(io.StringIO(text.decode(errors="replace")), delimiter="\t"))


def since(
    aws: Aws, deployment: Deployment, head: Run, known: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """All tasks of a run that Batch knows, also those that have ended.

    It costs a call for each hundred jobs of the deployment that are younger than the head, twice.

    Args:
        aws: The account and region.
        deployment: The deployment.
        head: The run.
        known: Its run.json, if there is one.
    """
    younger = {"name": "AFTER_CREATED_AT", "values": [str(head.job["createdAt"])]}
    ids = [
        job["jobId"]
        for job in run.listed(aws, deployment, younger)
        if not run.is_head(job, deployment)
    ]
    session, work = _marks(deployment, head, known)
    return [job for job in run.describe(aws, ids) if _belongs(job, session, work)]


def matching(found: Sequence[Task], name: str) -> list[Task]:
    """The tasks that a user means.

    Args:
        found: Tasks that have ended.
        name: A task's name, its hash such as `ab/cdef01`, its job's id, or the beginning of one; a
            whole name is preferred.
    """
    exact = [task for task in found if task.name == name]
    beginning = [
        task
        for task in found
        if any(text.startswith(name) for text in (task.name, task.hash, task.job))
    ]
    return exact or beginning


def matching_jobs(living: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Likewise, of tasks that have not ended; Nextflow names a job as its task, in fewer letters.

    Args:
        living: Their jobs.
        name: A task's name, its job's id, or the beginning of one.
    """
    of_job = re.sub(r"[^\w-]", "", name.replace(" ", "_"))
    exact = [job for job in living if job["jobName"] == of_job]
    beginning = [
        job
        for job in living
        if job["jobId"].startswith(name) or (of_job and job["jobName"].startswith(of_job))
    ]
    return exact or beginning
