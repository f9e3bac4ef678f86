"""Why a run cannot start."""

from __future__ import annotations

import re

from nextflow_head.outcome import Outcome, State

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class InputError(Exception):
    """Something that the user named is wrong, missing, not permitted or not reachable.

    Attributes:
        lines: One line for each problem: the setting, its value, what is allowed.
        state: What kind of end this is.
    """

    state = State.BAD_INPUT

    def __init__(self, *lines: str) -> None:
        # What the user typed, and a key in S3, may hold a line break.
        self.lines = tuple(_BREAKS.sub(lambda found: repr(found[0])[1:-1], line) for line in lines)
        super().__init__("\n".join(self.lines))

    @property
    def outcome(self) -> Outcome:
        """The end of a run that could not start; its line is the last one."""
        return Outcome.of(self.state, self.lines[-1])


class MissingPermissionError(InputError):
    """The head's role lacks a permission.

    Args:
        problem: What could not be done.
        action: The IAM action.
        resource: On what.
    """

    state = State.NO_PERMISSION

    def __init__(self, problem: str, action: str, resource: str) -> None:
        super().__init__(
            f"{problem}: no permission for {action} on {resource}: allow it in the role's policy"
        )


class UnreachableError(InputError):
    """AWS gave no answer, or only that it cannot answer now."""

    state = State.UNREACHABLE
