"""The time as Batch writes it."""

import time


def now() -> int:
    """Tell the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
