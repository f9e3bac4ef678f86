"""Plan B: a volume that is there becomes larger, where no further one can be attached."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Refusal
from nextflow_worker.growth import attachments
from nextflow_worker.growth.calls import Later
from nextflow_worker.growth.growth import Growth, Tools
from nextflow_worker.host import GIB

if TYPE_CHECKING:
    from nextflow_worker.growth.ledger import Entry
    from nextflow_worker.host import Host

#: Each volume takes four modifications in 24 hours, one at a time.
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html
MOST, DAY_SECONDS = 4, 24 * 3600
#: How long one that EC2 would not modify is left alone: optimizing can take hours.
REST_SECONDS = 1800
#: Outlives the daemon, as EC2's own count does.
FILE = "/var/lib/nextflow-batch/modifications.json"
#: The kernel counts in these.
SECTOR = 512


class Modifications:
    """When which volume was modified."""

    def __init__(self, host: Host) -> None:
        """Remember what an earlier daemon did."""
        self._host = host
        self._times: dict[str, list[float]] = {}
        self._rests: dict[str, float] = {}
        try:
            known = json.loads(host.path(FILE).read_text(encoding="utf-8"))
            self._times = {volume: [float(at) for at in times] for volume, times in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return  # There was none, or it is of no use.

    def note(self, volume_id: str) -> None:
        """Take in that a volume is modified now."""
        self._times[volume_id] = [*self._recent(volume_id), self._host.wall()]
        self._host.write(FILE, json.dumps(self._times))

    def rest(self, volume_id: str) -> None:
        """Take in that EC2 does not modify it now."""
        self._rests[volume_id] = self._host.wall() + REST_SECONDS

    def best(self, volumes: list[str]) -> str:
        """Return the volume that was modified least, empty if none can be now.

        The one that has not been for longest, too: it is the likeliest to have been optimized.
        """
        now = self._host.wall()
        can = [
            volume
            for volume in volumes
            if len(self._recent(volume)) < MOST and self._rests.get(volume, 0) <= now
        ]
        return min(can, key=lambda volume: (len(self._recent(volume)), volume), default="")

    def _recent(self, volume_id: str) -> list[float]:
        now = self._host.wall()
        return [at for at in self._times.get(volume_id, []) if at > now - DAY_SECONDS]


class Enlargement(Growth):
    """A volume is modified, seen larger by the kernel, and scratch grows onto it.

    Nothing of it can be left behind: the volume ends with the instance already.
    """

    def __init__(
        self, tools: Tools, entry: Entry, modifications: Modifications, *, fresh: bool
    ) -> None:
        super().__init__(tools, entry, fresh=fresh)
        self._modifications = modifications
        self._steps = {"intent": self._modify, "ordered": self._wait_for_disk, "in use": self._grow}

    def _fail(self, refusal: Refusal) -> None:
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
            volumes.enlarge(entry.volume_id, entry.size_gib)
        except Later:
            self._certain = False
            raise
        except Refusal:
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
            raise Refusal(message)
        self._in_time(f"{self.entry.volume_id} is not {self.entry.size_gib} GiB large")
        self.due = self._tools.host.now() + max(1.0, 0.1 * self._took())

    def _grow(self) -> None:
        self._tools.scratch.stretch(self._disk(), self._deadline())
        self._finish(grown=True)

    def _disk(self) -> str:
        for disk, volume_id in attachments.look(self._tools.host).volumes.items():
            if volume_id == self.entry.volume_id:
                return disk
        message = f"the block device of {self.entry.volume_id} is gone"
        raise Refusal(message)

    def _size(self) -> int:
        block = self._disk().replace("/dev/", "/sys/class/block/", 1)
        return int(self._tools.host.path(block + "/size").read_text(encoding="ascii")) * SECTOR
