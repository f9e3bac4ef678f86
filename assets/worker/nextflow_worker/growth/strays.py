"""Volumes that outlived the instance they were made for, because it died before they were bound."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Refusal

if TYPE_CHECKING:
    from nextflow_worker.growth.volumes import Volumes
    from nextflow_worker.host import Host
    from nextflow_worker.journal import Journal

#: A growth gives up after minutes, so what is still unattached after an hour is nobody's.
STRAY_SECONDS = 3600


def sweep(host: Host, volumes: Volumes, journal: Journal) -> None:
    """Delete what earlier workers of this environment left behind.

    Each worker does it once, when it starts: a fleet that comes and goes cleans up after itself,
    and nothing else has to run. Whatever goes wrong is said and left to the next worker.
    """
    try:
        strays = [
            volume
            for volume in volumes.unattached()
            if host.wall() - _seconds(volume["CreateTime"]) > STRAY_SECONDS
        ]
    except Refusal as refusal:
        journal.say("strays not looked for", reason=str(refusal))
        return
    for stray in strays:
        _delete(stray, volumes, journal)


def _delete(stray: dict[str, Any], volumes: Volumes, journal: Journal) -> None:
    try:
        volumes.delete(stray["VolumeId"])
    except Refusal as refusal:
        journal.say("stray not deleted", volume=stray["VolumeId"], reason=str(refusal))
    else:
        journal.say("stray deleted", volume=stray["VolumeId"], size_gib=stray["Size"])


def _seconds(time_of_day: str) -> float:
    """Return the seconds since 1970; fractions of one do not matter here."""
    return calendar.timegm(time.strptime(time_of_day[:19], "%Y-%m-%dT%H:%M:%S"))
