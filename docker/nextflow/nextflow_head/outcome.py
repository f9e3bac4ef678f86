"""How a run ended: one exit status, one word and one line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of an attempt; the word that run.json holds."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    BAD_INPUT = "BAD_INPUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NO_PERMISSION = "NO_PERMISSION"
    HOST_LOST = "HOST_LOST"
    UNREACHABLE = "UNREACHABLE"
    CANCELLED = "CANCELLED"


#: The exit status of each state. Nextflow knows only 0 and 1; 2 is the shell's convention for wrong
#: usage, 3 the JVM's for a heap that is used up. A cancelled run ends with 128 and the signal.
STATUSES = {
    State.SUCCEEDED: 0,
    State.FAILED: 1,
    State.BAD_INPUT: 2,
    State.OUT_OF_MEMORY: 3,
    State.NO_PERMISSION: 4,
    State.HOST_LOST: 5,
    State.UNREACHABLE: 6,
}


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt.

    Attributes:
        state: What kind of end.
        status: The exit status of the head.
        line: The reason, and what to do; empty after a success.
    """

    state: State
    status: int
    line: str

    @classmethod
    def of(cls, state: State, line: str) -> Outcome:
        """An outcome with the exit status of its state."""
        return cls(state, STATUSES[state], line)
