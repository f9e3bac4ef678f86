"""Which jobs fit the instances of a compute environment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from local_aws.batch import image

# What AWS documents for `optimal` and the default_* bundles:
# https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html (instanceTypes)
_BUNDLES = {
    "optimal": ("m6i", "c6i", "r6i", "c7i"),
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}

# The kernel and the ECS agent take their part: an instance of 32 GiB offers 31,431 MiB
# (https://github.com/aws/containers-roadmap/issues/2231).
_USABLE_MEMORY = 31431 / 32768


@dataclass(frozen=True)
class Demand:
    """What one attempt of a job needs.

    Attributes:
        vcpus: Its vCPUs.
        memory_mib: Its memory in MiB.
        gpus: Its GPUs.
    """

    vcpus: float
    memory_mib: float
    gpus: float


@dataclass(frozen=True)
class InstanceType:
    """What one instance type offers to jobs.

    Attributes:
        name: Such as `m6i.large`.
        vcpus: Its vCPUs.
        memory_mib: The memory that ECS can hand out, in MiB.
        gpus: Its GPUs.
    """

    name: str
    vcpus: int
    memory_mib: int
    gpus: int

    def holds(self, demand: Demand) -> bool:
        """Tell whether a job fits when it has the instance to itself."""
        return (
            demand.vcpus <= self.vcpus
            and demand.memory_mib <= self.memory_mib
            and demand.gpus <= self.gpus
        )


@cache
def _offer(name: str, *, with_gpus: bool) -> InstanceType:
    described = INSTANCE_TYPES[name]
    gpus = described.get("GpuInfo", {}).get("Gpus", []) if with_gpus else []
    return InstanceType(
        name=name,
        vcpus=described["VCpuInfo"]["DefaultVCpus"],
        memory_mib=int(described["MemoryInfo"]["SizeInMiB"] * _USABLE_MEMORY),
        gpus=sum(gpu["Count"] for gpu in gpus),
    )


def is_known(name: str) -> bool:
    """Tell whether `instanceTypes` may name this type, family or bundle."""
    return bool(_members(name))


@cache
def _members(name: str) -> tuple[str, ...]:
    if name in INSTANCE_TYPES:
        return (name,)
    families = _BUNDLES.get(name, (name,))
    return tuple(
        kind for kind in INSTANCE_TYPES if kind.split(".")[0] in families and ".metal" not in kind
    )


def architectures(names: Iterable[str]) -> set[str]:
    """Tell which architectures a compute environment's `instanceTypes` have.

    Args:
        names: Types, families and bundles.

    Returns:
        `x86_64`, `arm64` or both.
    """
    supported = (
        INSTANCE_TYPES[member]["ProcessorInfo"]["SupportedArchitectures"]
        for name in names
        for member in _members(name)
    )
    return {"arm64" if "arm64" in each else "x86_64" for each in supported}


def instance_types(
    names: Iterable[str], configurations: Sequence[Mapping[str, Any]] = ()
) -> tuple[InstanceType, ...]:
    """Expand types, families and bundles.

    Args:
        names: A compute environment's `instanceTypes`.
        configurations: Its `ec2Configuration`: without NVIDIA's drivers in the AMI, ECS finds no
            GPUs (https://docs.aws.amazon.com/batch/latest/userguide/batch-gpu-ami.html).

    Returns:
        The instance types that come up with their AMI, smallest first.
    """
    members = {member for name in names for member in _members(name)}
    images = {member: image.type_for(configurations, member) for member in members}
    offers = (
        _offer(member, with_gpus=image.has_drivers(images[member]))
        for member in members
        if image.starts(images[member], member)
    )
    return tuple(sorted(offers, key=lambda i: (i.vcpus, i.memory_mib)))
