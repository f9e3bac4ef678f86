"""How the earlier attempts of this job ended, according to Batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import aws_errors

if TYPE_CHECKING:
    from nextflow_head.aws import Client


@dataclass(frozen=True)
class Attempt:
    """An attempt that is over.

    Attributes:
        number: From 1.
        started: Milliseconds since 1970, or None if it never ran.
        stopped: Likewise.
        status: The exit status, or None if there was none: its host was lost, or it never ran.
        reason: In Batch's words.
    """

    number: int
    started: int | None
    stopped: int | None
    status: int | None
    reason: str

    def __str__(self) -> str:
        ended = "lost its host" if self.reason.startswith("Host EC2") else "ended"
        return f"attempt {self.number} {ended}: {self.reason or f'exit status {self.status}'}"


def of(job_id: str, batch: Client) -> list[Attempt]:
    """The attempts of a job so far, the oldest first.

    Args:
        job_id: The job.
        batch: The client.

    Raises:
        InputError: Batch does not say.
    """
    with aws_errors("the earlier attempts of this job cannot be read", "*"):
        jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
    attempts = jobs[0].get("attempts", []) if jobs else []
    return [_attempt(number, attempt) for number, attempt in enumerate(attempts, 1)]


def _attempt(number: int, attempt: dict[str, Any]) -> Attempt:
    container = attempt.get("container", {})
    reasons = (attempt.get("statusReason"), container.get("reason"))
    return Attempt(
        number,
        attempt.get("startedAt"),
        attempt.get("stoppedAt"),
        container.get("exitCode"),
        "; ".join(reason for reason in reasons if reason),
    )
