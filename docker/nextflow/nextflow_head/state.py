"""The kinds of end of a run."""

from __future__ import annotations

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
