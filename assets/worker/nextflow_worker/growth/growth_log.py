"""What is being done to scratch, written down before it is done."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: One file for each growth, on the root volume, which lives as long as the instance.
FOLDER = "/var/lib/nextflow-batch/growths"


@dataclass
class Entry:
    """One growth.

    Attributes:
        name: EC2 knows it as client token and tag, so whoever comes after a death finds the volume
            or makes sure that there is none.
        kind: `add` a volume or `enlarge` one.
        size_gib: Of the volume to add, or what the volume is to have.
        gain_gib: By how much scratch grows.
        state: The last thing that is sure.
        volume_id: Of the volume, once it is known.
        device_name: Under which it is attached, once that is known.
    """

    name: str
    kind: str
    size_gib: int
    gain_gib: int
    state: str = "intent"
    volume_id: str = ""
    device_name: str = ""


class GrowthLog:
    """The growths that were begun and are neither done nor undone."""

    def __init__(self, host: Host) -> None:
        """Take the machine on which it lies."""
        self._host = host

    def begin(self, kind: str, size_gib: int, gain_gib: int, volume_id: str = "") -> Entry:
        """Write down a new growth and return it."""
        entry = Entry(f"nfb-{secrets.token_hex(16)}", kind, size_gib, gain_gib, volume_id=volume_id)
        self.note(entry)
        return entry

    def note(self, entry: Entry) -> None:
        """Write down how far a growth is; afterwards that outlives a crash."""
        self._host.write(self._file(entry), json.dumps(asdict(entry)))
        self._settle()

    def close(self, entry: Entry) -> None:
        """Strike a growth out."""
        self._host.path(self._file(entry)).unlink(missing_ok=True)
        self._settle()

    def entries(self) -> list[Entry]:
        """Return what was begun and not finished."""
        names = {field.name for field in fields(Entry)}
        found = []
        for file in sorted(self._host.path(FOLDER).glob("nfb-*.json")):
            values = json.loads(file.read_text(encoding="utf-8"))
            found.append(Entry(**{name: values[name] for name in names}))
        return found

    def _file(self, entry: Entry) -> str:
        return f"{FOLDER}/{entry.name}.json"

    def _settle(self) -> None:
        # A renamed or removed file survives a power loss once its folder is on the disk.
        # https://man7.org/linux/man-pages/man2/fsync.2.html
        folder = os.open(self._host.path(FOLDER), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
