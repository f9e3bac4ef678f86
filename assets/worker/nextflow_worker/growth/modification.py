"""Plan B: a volume that is there becomes larger, where no further one can be attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker import nvme
from nextflow_worker.error import WorkerError
from nextflow_worker.growth.ec2_calls import CallDeferredError
from nextflow_worker.growth.volume_growth import Tools, VolumeGrowth
from nextflow_worker.host import GIB

if TYPE_CHECKING:
    from nextflow_worker.growth.growth_log import Entry
    from nextflow_worker.growth.modification_history import ModificationHistory

#: The kernel counts in these.
SECTOR = 512


class VolumeModification(VolumeGrowth):
    """A volume is modified, seen larger by the kernel, and scratch grows onto it.

    Nothing of it can be left behind: the volume ends with the instance already.
    """

    def __init__(
        self, tools: Tools, entry: Entry, modifications: ModificationHistory, *, fresh: bool
    ) -> None:
        super().__init__(tools, entry, fresh=fresh)
        self._modifications = modifications
        self._steps = {"intent": self._modify, "ordered": self._wait_for_disk, "in use": self._grow}

    def _fail(self, refusal: WorkerError) -> None:
        if self.entry.state != "in use":
            self.failure = str(refusal)
            self._finish()

    def _modify(self) -> None:
        volumes, entry = self._tools.volumes, self.entry
        if not self._certain:
            # Who died may have ordered it; a second order would be refused or cost another day.
            volume = volumes.describe(entry.volume_id)
            modified = volumes.modification(entry.volume_id) if volume else {}
            if modified.get("TargetSize") == entry.size_gib:
                self._go("ordered")
                return
        else:
            self._modifications.note(entry.volume_id)
        try:
            volumes.modify(entry.volume_id, entry.size_gib)
        except CallDeferredError:
            self._certain = False
            raise
        except WorkerError:
            self._modifications.rest(entry.volume_id)
            raise
        self._go("ordered", self._tools.latency.usual("modify"))

    def _wait_for_disk(self) -> None:
        # It can be used as soon as the kernel sees it, which is when EC2 says `optimizing`.
        # https://docs.aws.amazon.com/ebs/latest/userguide/recognize-expanded-volume-linux.html
        if self._size() >= self.entry.size_gib * GIB:
            self._tools.latency.learn("modify", self._took())
            self._go("in use")
            return
        state = self._tools.volumes.modification(self.entry.volume_id)
        if state.get("ModificationState") == "failed":
            message = f"{self.entry.volume_id}: {state.get('StatusMessage', 'not enlarged')}"
            raise WorkerError(message)
        self._in_time(f"{self.entry.volume_id} is not {self.entry.size_gib} GiB large")
        self.due = self._tools.host.now() + max(1.0, 0.1 * self._took())

    def _grow(self) -> None:
        self._tools.scratch.stretch(self._disk(), self._deadline())
        self._finish(grown=True)

    def _disk(self) -> str:
        for disk, volume_id in nvme.volumes(self._tools.host).items():
            if volume_id == self.entry.volume_id:
                return disk
        message = f"the block device of {self.entry.volume_id} is gone"
        raise WorkerError(message)

    def _size(self) -> int:
        block = self._disk().replace("/dev/", "/sys/class/block/", 1)
        return int(self._tools.host.path(block + "/size").read_text(encoding="ascii")) * SECTOR
