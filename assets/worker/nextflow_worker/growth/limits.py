"""How far scratch may grow: what the settings say about size, number and money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nextflow_worker.error import WorkerError
from nextflow_worker.growth import gp3

if TYPE_CHECKING:
    from nextflow_worker.settings import Settings


class Stock(NamedTuple):
    """What there is and what is on its way.

    Attributes:
        volumes: Sizes of the EBS volumes in GiB, those on their way included.
        other: GiB on disks that are not EBS volumes.
    """

    volumes: Sequence[int]
    other: int = 0

    @property
    def size_gib(self) -> int:
        """All together."""
        return sum(self.volumes) + self.other


def room(settings: Settings, stock: Stock, *, new: int) -> int:
    """Return how many GiB may be added at most.

    Args:
        settings: The ceilings.
        stock: What there is.
        new: By up to how many further volumes; 0 to enlarge one that is there.

    Raises:
        WorkerError: A ceiling is reached; the message says which.
    """
    size = stock.size_gib
    left = settings.scratch.max_size_gib - size
    if left < 1:
        message = f"scratch has {size} GiB, its maximum is {settings.scratch.max_size_gib}"
        raise WorkerError(message)
    spent = sum(gp3.usd_per_month(settings, volume) for volume in stock.volumes)
    usd = settings.scratch.max_usd_per_month - spent
    usd -= new * gp3.usd_beside_size(settings, gp3.LARGEST_GIB)
    if settings.scratch.gp3_usd_per_gib > 0:
        left = min(left, int(usd / settings.scratch.gp3_usd_per_gib))
    elif usd < 0:
        left = 0
    if left < 1:
        message = (
            f"scratch costs {spent:.2f} USD a month, its maximum is"
            f" {settings.scratch.max_usd_per_month:.2f}"
        )
        raise WorkerError(message)
    return min(left, gp3.LARGEST_GIB)
