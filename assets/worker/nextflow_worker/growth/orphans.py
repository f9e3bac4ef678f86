"""Volumes that outlived the instance they were made for, because it died before they were bound."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any

from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.events import Events
    from nextflow_worker.growth.ebs_volumes import EbsVolumes
    from nextflow_worker.host import Host

#: A growth gives up after minutes, so what is still unattached after an hour is nobody's.
ORPHAN_SECONDS = 3600


def sweep(host: Host, volumes: EbsVolumes, events: Events) -> None:
    """Delete what earlier workers of this deployment left behind.

    Each worker does it once, when it starts: a fleet that comes and goes cleans up after itself,
    and nothing else has to run. Whatever goes wrong is said and left to the next worker.
    """
    try:
        orphans = [
            volume
            for volume in volumes.unattached()
            if host.wall() - _seconds(volume["CreateTime"]) > ORPHAN_SECONDS
        ]
    except WorkerError as refusal:
        events.emit("orphan search failed", reason=str(refusal))
        return
    for orphan in orphans:
        _delete(orphan, volumes, events)


def _delete(orphan: dict[str, Any], volumes: EbsVolumes, events: Events) -> None:
    try:
        volumes.delete(orphan["VolumeId"])
    except WorkerError as refusal:
        events.emit("orphan not deleted", volume=orphan["VolumeId"], reason=str(refusal))
    else:
        events.emit("orphan deleted", volume=orphan["VolumeId"], size_gib=orphan["Size"])


def _seconds(time_of_day: str) -> float:
    """Return the seconds since 1970; fractions of one do not matter here."""
    return calendar.timegm(time.strptime(time_of_day[:19], "%Y-%m-%dT%H:%M:%S"))
