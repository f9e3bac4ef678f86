"""Grows the scratch disk by one volume, and survives its own death at any moment."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from nextflow_worker import devices
from nextflow_worker.deadline import Deadline, Refusal

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch
    from nextflow_worker.settings import Settings
    from nextflow_worker.volumes import Volumes

#: On the root volume, which lives as long as the instance.
LEDGER = "/var/lib/nextflow-batch/growth.json"

#: Few, growing volumes: each takes one of the instance's attachments.
SHARE = 0.5
LEAST_GIB = 20
#: The largest gp3 volume.
LARGEST_GIB = 65_536
#: Creating and attaching take seconds as a rule and minutes at times.
GROW_SECONDS = 300
DISCARD_SECONDS = 120


class Growth:
    """One growth after the other, each written down before it is done.

    The ledger holds the growth's name, which EC2 knows as client token and tag, before a volume
    is ordered; so whoever comes after a death finds the volume, or makes sure that there is none.
    """

    def __init__(self, host: Host, settings: Settings, scratch: Scratch, volumes: Volumes) -> None:
        """Take the instance, its ceilings, its disk and its volumes."""
        self._host = host
        self._settings = settings
        self._scratch = scratch
        self._volumes = volumes

    @property
    def unfinished(self) -> bool:
        """Whether a growth was begun and is neither done nor undone."""
        return self._host.path(LEDGER).exists()

    def next_size(self, deadline: Deadline) -> int:
        """Return by how many GiB scratch would grow now.

        Raises:
            Refusal: A ceiling of the settings is reached; the message says which.
        """
        count = len(self._scratch.disks(deadline))
        if count >= self._settings.scratch_max_volumes:
            message = f"scratch has {count} volumes, its ceiling"
            raise Refusal(message)
        size = self._scratch.size_gib(deadline)
        room = self._settings.scratch_max_size_gib - size
        if room < 1:
            message = f"scratch has {size} GiB, its ceiling is {size + room}"
            raise Refusal(message)
        return min(max(int(size * SHARE), LEAST_GIB), room, LARGEST_GIB)

    def grow(self) -> int:
        """Add one volume.

        Returns:
            Its size in GiB.

        Raises:
            Refusal: It cannot be done; nothing is left behind, or the ledger says what is.
        """
        size = self.next_size(Deadline(self._host, 60))
        entry = {"growth": f"nfb-{secrets.token_hex(16)}", "size_gib": size}
        self._note(entry)
        self._finish(entry, new=True)
        return size

    def resume(self) -> None:
        """Finish what the ledger says was begun, if anything.

        Raises:
            Refusal: It cannot be done.
        """
        if self.unfinished:
            entry = json.loads(self._host.path(LEDGER).read_text(encoding="utf-8"))
            self._finish(entry, new=False)

    def _finish(self, entry: dict[str, Any], *, new: bool) -> None:
        if not entry.get("discard"):
            try:
                self._add(entry, Deadline(self._host, GROW_SECONDS), new=new)
            except Refusal:
                # What LVM has taken in holds data from then on, and where no answer came a volume
                # may yet have been made: both can only go forward, later.
                if "volume_id" in entry and not entry.get("in_use"):
                    self._discard(entry)
                raise
        else:
            self._discard(entry)
        self._host.path(LEDGER).unlink(missing_ok=True)

    def _add(self, entry: dict[str, Any], deadline: Deadline, *, new: bool) -> None:
        volume_id = entry.get("volume_id")
        if volume_id is None and not new:
            volume_id = self._volumes.find(entry["growth"])
        if volume_id is None:
            volume_id = self._volumes.create(entry["growth"], entry["size_gib"])
        entry["volume_id"] = volume_id
        self._note(entry)
        self._volumes.attach(volume_id, deadline)
        disk = devices.by_volume_id(self._host, volume_id, deadline)
        entry["in_use"] = True
        self._note(entry)
        self._scratch.extend(disk, deadline)

    def _discard(self, entry: dict[str, Any]) -> None:
        entry["discard"] = True
        self._note(entry)
        self._volumes.discard(entry["volume_id"], Deadline(self._host, DISCARD_SECONDS))
        self._host.path(LEDGER).unlink()

    def _note(self, entry: dict[str, Any]) -> None:
        self._host.write(LEDGER, json.dumps(entry))
