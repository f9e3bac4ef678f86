"""A run that cannot start."""

import re

from nextflow_head import verdict
from nextflow_head.verdict import State

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class Refusal(Exception):  # noqa: N818 - it is no defect of the program, but its answer to bad input
    """Why nothing was started, in lines for the user.

    Attributes:
        lines: One line for each thing to mend: the setting, its value, what is allowed.
        state: What kind of end this is.
    """

    state = State.BAD_INPUT

    def __init__(self, *lines: str) -> None:
        # What the user typed, and a key in S3, may hold a line break.
        self.lines = tuple(_BREAKS.sub(lambda found: repr(found[0])[1:-1], line) for line in lines)
        super().__init__("\n".join(self.lines))

    @property
    def status(self) -> int:
        """The exit status."""
        return verdict.STATUSES[self.state]


class Denied(Refusal):
    """A permission is missing.

    Args:
        what: What could not be done.
        action: The IAM action that the head's role lacks.
        resource: On what.
    """

    state = State.NO_PERMISSION

    def __init__(self, what: str, action: str, resource: str) -> None:
        super().__init__(f"{what}: {verdict.missing(action, resource)}")


class Unreachable(Refusal):
    """AWS gave no answer, or only that it cannot answer now."""

    state = State.UNREACHABLE
