"""What the instance types of compute environments can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nfbatch import site as sites

if TYPE_CHECKING:
    from nfbatch.site import Site

# https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html (instanceTypes)
_BUNDLES = {
    "optimal": ("m6i", "c6i", "r6i", "c7i"),
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}
# In AWS's example the kernel leaves 97.5 % of the memory, and ECS reserves 32 MiB.
# https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
_LEFT_BY_KERNEL = 0.975
_RESERVED_MIB = 32


@dataclass(frozen=True)
class Largest:
    """The instance types of some environments.

    Attributes:
        types: vCPUs, MiB and GPUs of each.
    """

    types: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, site: Site, environments: list[dict[str, Any]]) -> Self:
        """Asks EC2.

        Args:
            site: The deployment.
            environments: The environments.
        """
        values = sorted({each for one in environments for each in patterns(one)})
        if not values:
            return cls(())
        pages = (
            site.client("ec2")
            .get_paginator("describe_instance_types")
            .paginate(Filters=[{"Name": "instance-type", "Values": values}])
        )
        return cls(tuple(_size(each) for page in pages for each in page["InstanceTypes"]))

    @property
    def gpus(self) -> int:
        """The most GPUs of one instance."""
        return max((gpus for _, _, gpus in self.types), default=0)

    def hold(self, vcpus: float, memory: int, gpus: int) -> bool:
        """Whether one of them can hold a job."""
        return any(
            vcpus <= cpus and memory <= mib * _LEFT_BY_KERNEL - _RESERVED_MIB and gpus <= cards
            for cpus, mib, cards in self.types
        )


def patterns(environment: dict[str, Any]) -> list[str]:
    """The instance types of an environment, as EC2's filters take them."""
    named = sites.resources(environment).get("instanceTypes", [])
    families = [family for name in named for family in _BUNDLES.get(name, (name,))]
    return [name if "." in name else f"{name}.*" for name in families]


def _size(described: dict[str, Any]) -> tuple[int, int, int]:
    cards = described.get("GpuInfo", {}).get("Gpus", [])
    return (
        int(described["VCpuInfo"]["DefaultVCpus"]),
        int(described["MemoryInfo"]["SizeInMiB"]),
        sum(int(card.get("Count", 0)) for card in cards),
    )
