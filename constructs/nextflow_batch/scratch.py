"""The disk on which a worker's containers and tasks write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextflow_batch import gp3
from nextflow_batch.arguments import Arguments
from nextflow_batch.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Device name of the volume that each worker starts with.
SCRATCH_DEVICE = "/dev/xvdba"


class Scratch(Arguments):
    """The disk of each worker, for containers and the files of tasks. It grows by itself.

    Attributes:
        size_gib: Size of the volume that each worker starts with, in GiB.
        iops: I/O operations per second of each volume.
        throughput_mibs: Throughput of each volume in MiB/s.
        max_size_gib: Up to where it may grow, in GiB over all volumes.
        max_volumes: Up to how many volumes it may grow; beyond, volumes are enlarged.
        max_usd_per_month: Up to what its volumes may cost if they were kept for a month.
        gp3_usd_per_gib: Price of a GiB by the month.
        gp3_usd_per_iops: Price of each of the IOPS beyond 3,000 by the month.
        gp3_usd_per_mibs: Price of each MiB/s beyond 125 by the month.
        freeze_seconds: For how long tasks may be stopped while space is on its way; 0 for never.
    """

    size_gib: int = Field(
        default=100,
        ge=20,
        le=gp3.LARGEST_GIB,
        description="Size of a worker's first gp3 volume in GiB",
    )
    iops: int = Field(
        default=gp3.FREE_IOPS, ge=gp3.FREE_IOPS, le=gp3.MOST_IOPS, description="IOPS of each volume"
    )
    throughput_mibs: int = Field(
        default=250,
        ge=gp3.FREE_MIBS,
        le=gp3.MOST_MIBS,
        description="Throughput of each volume in MiB/s",
    )
    max_size_gib: int = Field(
        default=4_000,
        ge=20,
        le=1_000_000,
        description="Maximum size of all volumes of a worker in GiB",
    )
    max_volumes: int = Field(
        default=24,
        ge=1,
        le=127,
        description="Maximum number of volumes; after that, volumes are enlarged",
    )
    max_usd_per_month: float = Field(
        default=500.0,
        gt=0,
        le=1_000_000,
        description="Maximum price of a worker's volumes in USD, if they were kept for a month",
    )
    # https://aws.amazon.com/ebs/pricing/
    gp3_usd_per_gib: float = Field(
        default=0.08, ge=0, le=100, description="Price of a GiB in USD a month"
    )
    gp3_usd_per_iops: float = Field(
        default=0.005,
        ge=0,
        le=100,
        description="Price of each of the IOPS above 3,000 in USD a month",
    )
    gp3_usd_per_mibs: float = Field(
        default=0.04, ge=0, le=100, description="Price of each MiB/s above 125 in USD a month"
    )
    freeze_seconds: int = Field(
        default=300,
        ge=0,
        le=3_600,
        description="How long tasks may be frozen while a volume is added; 0: never",
    )

    def conflicts(self) -> Iterator[Problem]:
        """What gp3 or the ceilings do not allow."""
        if self.max_size_gib < self.size_gib:
            yield Problem(
                ("max_size_gib",),
                f"{self.max_size_gib} is not allowed: must be at least {self.size_gib}, the value"
                " of size_gib",
            )
        most = max(gp3.FREE_IOPS, gp3.IOPS_PER_GIB * self.size_gib)
        if self.iops > most:
            yield Problem(
                ("iops",),
                f"{self.iops} is not allowed: must be at most {most},"
                f" {gp3.IOPS_PER_GIB} for each GiB of size_gib",
            )
        if self.throughput_mibs * gp3.IOPS_PER_MIBS > self.iops:
            yield Problem(
                ("throughput_mibs",),
                f"{self.throughput_mibs} is not allowed: must be at most"
                f" {self.iops // gp3.IOPS_PER_MIBS}, a quarter of iops",
            )
        if self.max_usd_per_month < self.first_usd_per_month:
            yield Problem(
                ("max_usd_per_month",),
                f"{self.max_usd_per_month:g} is not allowed: must be at least"
                f" {self.first_usd_per_month:.2f}, the price of the first volume",
            )

    @property
    def largest_volume_gib(self) -> int:
        """Up to what size a worker may order a volume; its role and the worker both keep to it."""
        return min(self.max_size_gib, gp3.LARGEST_GIB)

    @property
    def first_usd_per_month(self) -> float:
        """What the first volume costs if it is kept for a month."""
        return (
            self.size_gib * self.gp3_usd_per_gib
            + (self.iops - gp3.FREE_IOPS) * self.gp3_usd_per_iops
            + (self.throughput_mibs - gp3.FREE_MIBS) * self.gp3_usd_per_mibs
        )
