"""What a gp3 volume can do and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nextflow_worker.settings import Settings

#: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
LARGEST_GIB = 65_536
#: Included in the price of the GiB.
FREE_IOPS, FREE_MIBS = 3_000, 125
IOPS_PER_GIB, IOPS_PER_MIBS = 500, 4


class Performance(NamedTuple):
    """What is ordered with a volume.

    Attributes:
        iops: I/O operations per second.
        mibs: Throughput in MiB/s.
    """

    iops: int
    mibs: int


def performance(settings: Settings, size_gib: int) -> Performance:
    """Return what the settings say, as far as a volume of this size takes it."""
    iops = min(settings.scratch.iops, max(FREE_IOPS, IOPS_PER_GIB * size_gib))
    return Performance(iops, min(settings.scratch.throughput_mibs, iops // IOPS_PER_MIBS))


def usd_beside_size(settings: Settings, size_gib: int) -> float:
    """Return what a volume's performance costs in a month."""
    ordered = performance(settings, size_gib)
    return (
        max(0, ordered.iops - FREE_IOPS) * settings.scratch.gp3_usd_per_iops
        + max(0, ordered.mibs - FREE_MIBS) * settings.scratch.gp3_usd_per_mibs
    )


def usd_per_month(settings: Settings, size_gib: int) -> float:
    """Return what a volume costs in a month."""
    return size_gib * settings.scratch.gp3_usd_per_gib + usd_beside_size(settings, size_gib)
