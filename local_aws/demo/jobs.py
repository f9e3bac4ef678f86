"""The Batch jobs of the demo, as one sees them from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws.server import LocalAws

_STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
_QUEUES = ("default", "highpriority")
_POLL_SECONDS = 0.3
_PATIENCE_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class JobLine:
    """A job at one moment.

    Attributes:
        id: Its id.
        name: Its name.
        queue: The queue that it was submitted to.
        state: Its state.
        seconds: How long it has been running, or ran.
    """

    id: str
    name: str
    queue: str
    state: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended.

    Attributes:
        state: SUCCEEDED or FAILED.
        reason: Why, in Batch's words.
        log: The lines of its log.
    """

    state: str
    reason: str
    log: list[str]


class Jobs:
    """The jobs of both queues of a local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._batch = aws.client("batch")
        self._logs = aws.client("logs")

    def follow(self, job_id: str) -> Iterator[list[JobLine]]:
        """Yield all jobs, the oldest first, again and again until one has ended.

        Raises:
            TimeoutError: It has not ended after ten minutes.
        """
        started = time.monotonic()
        while True:
            jobs = {job["jobId"]: job for job in self._all()}
            yield [_line(job) for job in jobs.values()]
            followed = jobs.get(job_id, {})
            if followed.get("status") in {"SUCCEEDED", "FAILED"}:
                return
            if time.monotonic() - started > _PATIENCE_SECONDS:
                state = f"{followed.get('status')} {followed.get('statusReason', '')}".strip()
                raise TimeoutError(f"the job is still {state} after ten minutes")
            time.sleep(_POLL_SECONDS)

    def outcome(self, job_id: str) -> Outcome:
        """Tell how a job ended and what it said."""
        (job,) = self._batch.describe_jobs(jobs=[job_id])["jobs"]
        container = job["container"]
        group = container.get("logConfiguration", {}).get("options", {}).get("awslogs-group")
        log = []
        if stream := container.get("logStreamName"):
            events = self._logs.get_log_events(
                logGroupName=group or "/aws/batch/job", logStreamName=stream, startFromHead=True
            )["events"]
            log = [event["message"] for event in events]
        reason = f"{job.get('statusReason', '')} {container.get('reason', '')}".strip()
        return Outcome(state=job["status"], reason=reason, log=log)

    def _all(self) -> list[dict[str, Any]]:
        ids = [
            summary["jobId"]
            for queue in _QUEUES
            for state in _STATES
            for summary in self._batch.list_jobs(jobQueue=queue, jobStatus=state)["jobSummaryList"]
        ]
        # A job that moved on while we looked stands in two lists.
        unique = list(dict.fromkeys(ids))
        jobs: list[dict[str, Any]] = (
            self._batch.describe_jobs(jobs=unique)["jobs"] if unique else []
        )
        return sorted(jobs, key=lambda job: int(job["createdAt"]))


def _line(job: dict[str, Any]) -> JobLine:
    started = job.get("startedAt")
    stopped = job.get("stoppedAt") or time.time() * 1000
    return JobLine(
        id=job["jobId"],
        name=job["jobName"],
        queue=job["jobQueue"].rsplit("/", 1)[-1],
        state=job["status"],
        seconds=(stopped - started) / 1000 if started else 0,
    )
