"""Waits between attempts that grow and vary."""

from __future__ import annotations

import random


class Backoff:
    """A wait that doubles with each failure.

    Part of each wait is random, so that instances that fail together do not come back together:
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/

    Attributes:
        limit: The longest that the next wait may be, in seconds.
    """

    def __init__(self, first: float, most: float) -> None:
        """Begin with the shortest wait.

        Args:
            first: The longest that the first wait may be, in seconds.
            most: The longest that any wait may be, in seconds.
        """
        self.limit = first
        self._first = first
        self._most = most

    def next(self) -> float:
        """Return how long to wait now, in seconds: from half of the limit to all of it."""
        wait = self.limit * random.uniform(0.5, 1)  # noqa: S311 - no secret
        self.limit = min(self.limit * 2, self._most)
        return wait

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.limit = self._first
