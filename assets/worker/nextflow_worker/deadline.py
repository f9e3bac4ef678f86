"""How long something may take, and what happens when it cannot be done."""

from __future__ import annotations

from typing import Callable, Protocol, TypeVar

from nextflow_worker.backoff import Backoff
from nextflow_worker.error import WorkerError

T = TypeVar("T")


class Clock(Protocol):
    """What time goes by: the host's, or a test's."""

    def now(self) -> float:
        """Return the seconds of a clock that is never set back."""

    def pause(self, seconds: float) -> None:
        """Wait."""


class Deadline:
    """A moment after which waiting is over.

    Attributes:
        seconds: How long it was, from its beginning.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Begin to wait.

        Args:
            clock: What time goes by.
            seconds: How long from now.
        """
        self.seconds = seconds
        self._clock = clock
        self._end = clock.now() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            WorkerError: There are none.
        """
        left = self._end - self._clock.now()
        if left <= 0:
            message = f"took more than {self.seconds:.0f} s"
            raise WorkerError(message)
        return left


def retry(
    clock: Clock,
    deadline: Deadline,
    attempt: Callable[[], T],
    *,
    first: float = 1,
    most: float = 16,
) -> T:
    """Call `attempt` until it raises no WorkerError.

    Args:
        clock: What time goes by.
        deadline: Until when to go on.
        attempt: What to call.
        first: The longest that the first wait may be, in seconds.
        most: The longest that any wait may be, in seconds.

    Returns:
        What `attempt` returned.

    Raises:
        WorkerError: The last one, when the deadline has passed.
    """
    backoff = Backoff(first, most)
    while True:
        try:
            return attempt()
        except WorkerError as refusal:  # noqa: PERF203 - it waits anyway
            clock.pause(backoff.next())
            try:
                deadline.remaining()
            except WorkerError as late:
                message = f"{refusal} (gave up: {late})"
                raise WorkerError(message) from refusal
