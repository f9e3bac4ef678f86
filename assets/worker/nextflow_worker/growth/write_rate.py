"""How fast scratch fills."""

from __future__ import annotations

from collections import deque


class WriteRate:
    """The highest rate of a short window, held for a while.

    Held, because what wrote fast once does so again, and a pause between two files is no reason to
    believe in slowness.
    """

    def __init__(self, window: float, hold: float) -> None:
        """Begin to measure.

        Args:
            window: Over how many seconds a rate is taken.
            hold: For how many seconds the highest one counts.
        """
        self._window = window
        self._hold = hold
        self._samples: deque[tuple[float, float]] = deque()
        self._peaks: deque[tuple[float, float]] = deque()

    def add(self, now: float, used: float) -> None:
        """Take in how much is used at a moment.

        Args:
            now: The moment, in seconds of a clock that is never set back.
            used: In any unit; `peak` is in the same one, by the second.
        """
        samples = self._samples
        samples.append((now, used))
        # One sample at or before the window's beginning stays.
        while len(samples) > 1 and samples[1][0] <= now - self._window:
            samples.popleft()
        begin, before = samples[0]
        rate = max(0.0, used - before) / max(now - begin, self._window)
        # Rates fall from the front on: a lower one before a higher one can never be the highest.
        while self._peaks and self._peaks[-1][1] <= rate:
            self._peaks.pop()
        self._peaks.append((now, rate))
        while self._peaks[0][0] < now - self._hold:
            self._peaks.popleft()

    @property
    def peak(self) -> float:
        """The highest rate that counts."""
        return self._peaks[0][1] if self._peaks else 0.0
