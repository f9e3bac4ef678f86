"""How long something may take, and what happens when it cannot be done."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from nextflow_worker.host import Host

T = TypeVar("T")


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """Something cannot be done; the message is one line that says what and why."""


class Deadline:
    """A moment after which waiting is over.

    Attributes:
        seconds: How long it was, from its beginning.
    """

    def __init__(self, host: Host, seconds: float) -> None:
        """Begin to wait.

        Args:
            host: Whose clock counts.
            seconds: How long from now.
        """
        self.seconds = seconds
        self._host = host
        self._end = host.now() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            Refusal: There are none.
        """
        left = self._end - self._host.now()
        if left <= 0:
            message = f"took more than {self.seconds:.0f} s"
            raise Refusal(message)
        return left


def persist(
    host: Host, deadline: Deadline, attempt: Callable[[], T], *, first: float = 1, most: float = 16
) -> T:
    """Call `attempt` until it raises no refusal.

    Waits double and vary (full jitter), so that instances that start together do not ask together:
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/

    Args:
        host: Whose clock counts.
        deadline: Until when to go on.
        attempt: What to call.
        first: The longest that the first wait may be, in seconds.
        most: The longest that any wait may be, in seconds.

    Returns:
        What `attempt` returned.

    Raises:
        Refusal: The last one, when the deadline has passed.
    """
    longest = first
    while True:
        try:
            return attempt()
        except Refusal as refusal:  # noqa: PERF203 - it waits anyway
            host.pause(random.uniform(0.3, 1) * longest)  # noqa: S311 - no secret
            longest = min(longest * 2, most)
            try:
                deadline.remaining()
            except Refusal as late:
                message = f"{refusal} (gave up: {late})"
                raise Refusal(message) from refusal
