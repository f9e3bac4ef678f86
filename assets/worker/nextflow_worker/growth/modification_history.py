"""Which volumes were modified, as EC2 limits how often."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: Each volume takes four modifications in 24 hours, one at a time.
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html
MOST, DAY_SECONDS = 4, 24 * 3600
#: How long one that EC2 would not modify is left alone: optimizing can take hours.
REST_SECONDS = 1800
#: Outlives the daemon, as EC2's own count does.
FILE = "/var/lib/nextflow-batch/modifications.json"


class ModificationHistory:
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
