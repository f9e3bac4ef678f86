"""How much space to order, when, and in how many volumes."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Latency has a tail; what is needed until space comes is multiplied by this.
SAFETY = 1.5
#: Kept free in any case, in GiB: a burst out of nothing, an image layer.
FLOOR_GIB = 5.0
#: The smallest order: each volume takes one of the instance's attachments.
LEAST_GIB = 10
#: Volumes of one order, at most, and growths at the same time.
PARALLEL = 4
#: With fewer of its inodes free than this share, scratch needs space too.
INODES = 0.05


@dataclass(frozen=True)
class Situation:
    """What a plan is made from; sizes in GiB.

    Attributes:
        total: Size of scratch.
        free: What can still be written.
        coming: What is ordered.
        rate: How fast it fills, in GiB/s.
        dirty: What lies in memory and is not on the disks yet.
        seconds: How long an order takes.
        share: The least share of the total that an order should be.
        inodes: Share of the inodes that is free.
    """

    total: float
    free: float
    coming: float
    rate: float
    dirty: float
    seconds: float
    share: float
    inodes: float = 1.0

    @property
    def need(self) -> float:
        """What must be free or coming, so that nothing runs out before an order arrives."""
        return self.rate * self.seconds * SAFETY + self.dirty + FLOOR_GIB

    @property
    def short(self) -> bool:
        """Whether it is time to order."""
        few_inodes = self.inodes < INODES and self.coming == 0
        return self.free + self.coming < self.need or few_inodes


def order(situation: Situation, *, parallel: int, room: int) -> list[int]:
    """Return the sizes of the volumes to order now, in GiB; none if there is no need.

    An order fills up to the need and, on top, as much as is written while one order takes; so a
    steady writer makes about one order per latency, and what is bought stays bound to the rate.

    Args:
        situation: What there is.
        parallel: How many volumes may be ordered now, 1 to PARALLEL.
        room: How many GiB the ceilings leave.
    """
    if not situation.short:
        return []
    chunk = max(LEAST_GIB, situation.total * situation.share, situation.rate * situation.seconds)
    missing = max(0.0, situation.need - situation.free - situation.coming)
    amount = min(math.ceil(missing + chunk), room)
    # A single volume of more than half of scratch would be slower than two and as late as both.
    parts = min(max(1, math.ceil(amount / max(situation.total / 2, LEAST_GIB))), parallel, amount)
    return [amount // parts + (1 if number < amount % parts else 0) for number in range(parts)]


def share(total: float, ceiling: float, volumes: int) -> float:
    """Return by which share of the total to grow each time.

    So that the volumes that are left last up to the ceiling; at least a tenth, at most a half.

    Args:
        total: Present size in GiB.
        ceiling: Largest size in GiB.
        volumes: How many can still be added.
    """
    ratio: float = (max(ceiling, total) / max(total, 1.0)) ** (1 / max(volumes, 1)) - 1
    return min(max(ratio, 0.1), 0.5)
