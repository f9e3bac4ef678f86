"""All causes, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nfbatch.doctor.death_causes import DIED
from nfbatch.doctor.environment_causes import INVALID
from nfbatch.doctor.launch_causes import LAUNCH
from nfbatch.doctor.state_causes import STATES
from nfbatch.doctor.waiting_causes import WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nfbatch.doctor.cause import Cause

GROUPS: dict[str, tuple[Cause, ...]] = {
    "What Batch says of a job that waits": WAITING,
    "Why a compute environment is INVALID": INVALID,
    "Why instances do not start": LAUNCH,
    "What follows from the state of queue, environment and worker": STATES,
    "Why a job failed": DIED,
}


def table() -> str:
    """The table in docs/doctor.md."""
    return "\n\n".join(f"### {title}\n\n{_rows(causes)}" for title, causes in GROUPS.items())


def _rows(causes: Sequence[Cause]) -> str:
    def lines() -> Iterator[str]:
        yield "| id | sentence | what to do | AWS's text |"
        yield "|---|---|---|---|"
        for cause in causes:
            cells = (f"[`{cause.id}`]({cause.link})", cause.sentence, cause.remedy, _text(cause))
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"

    return "\n".join(lines())


def _text(cause: Cause) -> str:
    if not cause.pattern:
        return "none"
    if not cause.source:
        return f"not established: `{cause.example}` is assumed from the error code"
    return f"`{cause.example}` ([source]({cause.source}))"
