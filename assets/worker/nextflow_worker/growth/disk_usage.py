"""How full scratch is and how fast it fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nextflow_worker.growth.write_rate import WriteRate
from nextflow_worker.host import GIB

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch

#: What a plan goes by: long enough that one file's burst is not taken for a rate.
STEADY = (1.0, 30.0)
#: What the guard goes by.
BURST = (0.2, 10.0)


class Reading(NamedTuple):
    """One look; sizes in GiB, rates in GiB/s.

    Attributes:
        total: Size of the file system.
        free: What can still be written.
        inodes: Share of the inodes that is free.
        dirty: What was written and is not on the disks yet.
        rate: Highest rate over a second, lately.
        burst: Highest rate over a moment, lately.
    """

    total: float
    free: float
    inodes: float
    dirty: float
    rate: float
    burst: float


class DiskUsage:
    """Reads scratch's file system.

    With `allocsize=64m` XFS's free space is exact at any moment, so nothing else needs asking.

    Attributes:
        reading: The latest look.
    """

    def __init__(self, host: Host, scratch: Scratch) -> None:
        """Look for the first time.

        Raises:
            WorkerError: What is mounted is not the scratch disk.
        """
        self._host = host
        self._scratch = scratch
        self._steady = WriteRate(*STEADY)
        self._burst = WriteRate(*BURST)
        self._stopped = 0.0
        self.reading = self.look()

    def look(self, *, stopped: float = 0.0) -> Reading:
        """Look again.

        Args:
            stopped: For how many seconds since the last look tasks could not write: that time
                says nothing about how fast they do.

        Raises:
            WorkerError: What is mounted is not the scratch disk.
        """
        space = self._scratch.space()
        self._stopped += stopped
        now = self._host.now() - self._stopped
        used = (space.total - space.free) / GIB
        self._steady.add(now, used)
        self._burst.add(now, used)
        self.reading = Reading(
            space.total / GIB,
            space.free / GIB,
            space.inodes,
            self._host.dirty() / GIB,
            self._steady.peak,
            self._burst.peak,
        )
        return self.reading
