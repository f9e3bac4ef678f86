"""What ends a command: one sentence, and an exit status by its kind."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Why a command failed; the value is the exit status.

    2, 4 and 6 mean the same as the exit status of a head (docs/head.md).
    """

    RUN_FAILED = 1
    BAD_INPUT = 2
    NO_CREDENTIALS = 3
    NO_PERMISSION = 4
    NOT_FOUND = 5
    UNREACHABLE = 6
    INTERRUPTED = 130


class NfbatchError(Exception):
    """Ends the command.

    Args:
        kind: Its kind.
        message: One sentence: what is wrong, and what to do.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
