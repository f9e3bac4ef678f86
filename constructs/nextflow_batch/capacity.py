"""Which instances a compute environment may start, and what fits on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.instance_types import (
    Architecture,
    InstanceType,
    Resources,
    architecture,
    has,
    resources,
    types,
)
from nextflow_batch.names import ImageId
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a job can have of an instance's memory. The kernel takes its part before ECS counts (AWS's
#: example: 7,985 of 8,192 MiB are left), and of the rest AWS recommends to leave 5 % to the agent.
#: https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
MEMORY_SHARE = 0.925

#: What Nextflow asks for when a process says nothing, in MiB.
#: https://www.nextflow.io/docs/latest/aws.html (the job definitions that it makes)
_SMALLEST_TASK = 1_024


class Capacity(Arguments):
    """Which instances a compute environment may start, and how many.

    Attributes:
        purchase: How the instances are paid for.
        instance_types: Families (m6i), types (m6i.xlarge) or `optimal`; of one architecture.
        max_vcpus: Up to how many vCPUs run at once.
        bid_percentage: Highest Spot price in percent of the On-Demand price; Batch's default of
            100 when not given.
        image_type: The ECS-optimized AMI; the NVIDIA one for instances with such GPUs.
        image_id: An AMI of one's own that is made from that one; AWS's latest when not given.
    """

    purchase: Literal["on-demand", "spot"] = Field(description="How instances are bought")
    instance_types: Annotated[tuple[InstanceType, ...], Field(strict=False)] = Field(
        default=("optimal",),
        min_length=1,
        description="Families (m6i), types (m6i.xlarge) or `optimal`; all of one architecture",
    )
    max_vcpus: int = Field(
        default=256, ge=1, le=1_000_000, description="Maximum number of vCPUs that run at once"
    )
    bid_percentage: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Maximum Spot price in percent of the On-Demand price; unset: 100",
    )
    image_type: Literal["ECS_AL2023", "ECS_AL2023_NVIDIA"] = Field(
        default="ECS_AL2023",
        description="The AMI; ECS_AL2023_NVIDIA for instances with NVIDIA GPUs, and only for them",
    )

    image_id: ImageId | None = Field(
        default=None,
        description="Id of an AMI of your own, made from that AMI, in this region; unset: AWS's"
        " latest",
    )

    def conflicts(self) -> Iterator[Problem]:
        """What Batch would refuse, or start in vain."""
        for position, name in enumerate(self.instance_types):
            if reason := self._unfit(name, self.instance_types[:position]):
                text = f"{quote(name)} is not allowed: {reason}"
                yield Problem(("instance_types", position), text)
        arm = [name for name in self.instance_types if architecture(name) == "arm64"]
        if arm and len(arm) < len(self.instance_types):
            x86 = [name for name in self.instance_types if name not in arm]
            yield Problem(
                ("instance_types",),
                f"must be of one architecture, got arm64 ({', '.join(arm)})"
                f" and x86_64 ({', '.join(x86)})",
            )
        if self.bid_percentage is not None and self.purchase != "spot":
            yield Problem(
                ("bid_percentage",),
                f"{self.bid_percentage} is not allowed: it applies to purchase: spot only",
            )
        yield from self._image_conflicts()
        smallest = min((entry.vcpus for entry in self._types().values()), default=0)
        if not self.unknown_types and smallest > self.max_vcpus:
            yield Problem(
                ("max_vcpus",),
                f"{self.max_vcpus} is not allowed: must be at least {smallest}, the vCPUs of the"
                f" smallest of {', '.join(self.instance_types)}",
            )

    def _unfit(self, name: str, before: tuple[str, ...]) -> str | None:
        if name in before:
            return "it is listed twice"
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html
        if name.partition(".")[0] == "a1":
            return "Amazon Linux 2023, which workers run, does not support a1"
        if self.purchase == "spot" and has(name, "no-spot"):
            return "EC2 does not offer it as Spot: must have purchase: on-demand"
        most = max((entry.memory_mib for entry in resources(name)), default=None)
        if most is not None and int(most * MEMORY_SHARE) < _SMALLEST_TASK:
            return (
                f"jobs can use only {int(most * MEMORY_SHARE)} MiB of it: must be at least"
                f" {_SMALLEST_TASK}, the default memory of a task"
            )
        return None

    def _image_conflicts(self) -> Iterator[Problem]:
        gpu = [name for name in self.instance_types if has(name, "nvidia")]
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html
        without_image = [name for name in gpu if name.startswith(("g3", "p3"))]
        for name in without_image or [name for name in gpu if architecture(name) == "arm64"]:
            yield Problem(
                ("instance_types", self.instance_types.index(name)),
                f"{quote(name)} is not allowed: Batch has no AMI with drivers for its GPUs",
            )
            return
        listed = [name for name in self.instance_types if name not in self.unknown_types]
        plain = [name for name in listed if name not in gpu]
        if gpu and plain:
            yield Problem(
                ("instance_types",),
                f"must all have NVIDIA GPUs, or none of them: got {', '.join(gpu)} with and"
                f" {', '.join(plain)} without",
            )
        elif gpu and self.image_type == "ECS_AL2023":
            yield Problem(
                ("image_type",),
                f"{quote(self.image_type)} is not allowed: must be ECS_AL2023_NVIDIA for"
                f" {', '.join(gpu)}",
            )
        elif plain and self.image_type == "ECS_AL2023_NVIDIA":
            yield Problem(
                ("image_type",),
                f"{quote(self.image_type)} is not allowed: must be ECS_AL2023 for"
                f" {', '.join(plain)}, without NVIDIA GPUs",
            )

    @property
    def architecture(self) -> Architecture:
        """The processor of all its instance types."""
        return architecture(self.instance_types[0])

    @property
    def unknown_types(self) -> list[str]:
        """Those of the instance types that the library's table lacks."""
        return [name for name in self.instance_types if not resources(name)]

    def _types(self) -> dict[str, Resources]:
        return {key: entry for name in self.instance_types for key, entry in types(name).items()}

    def _startable(self) -> dict[str, Resources]:
        """The types within `max_vcpus`: Batch starts one beyond it at most once, if at all."""
        entries = self._types()
        if not entries:
            raise ValueError(f"no known instance type among {', '.join(self.instance_types)}")
        return {key: entry for key, entry in entries.items() if entry.vcpus <= self.max_vcpus}

    def runs(self, job: Resources) -> bool:
        """Whether a job of this size can be started; so it is believed of unknown types."""
        if self.unknown_types:
            return True
        return job.memory_mib <= self.memory_beside(job.vcpus)

    def most_vcpus(self) -> int:
        """The vCPUs of its largest instance within `max_vcpus`."""
        return max(entry.vcpus for entry in self._startable().values())

    def memory_beside(self, vcpus: int) -> int:
        """The most MiB that a job with so many vCPUs may ask for; 0 where none has them."""
        return max(
            (
                int(entry.memory_mib * MEMORY_SHARE)
                for entry in self._startable().values()
                if entry.vcpus >= vcpus
            ),
            default=0,
        )

    def largest_job(self) -> Resources:
        """What a job may ask for and still be started: the instance with the most memory.

        Returns:
            vCPUs and MiB that one instance has both, less what jobs cannot have.

        Raises:
            ValueError: None of the instance types is in the library's table.
        """
        largest = max(self._startable().values(), key=lambda entry: (entry.memory_mib, entry.vcpus))
        return Resources(vcpus=largest.vcpus, memory_mib=int(largest.memory_mib * MEMORY_SHARE))


def image_conflicts(capacities: Mapping[str, Capacity]) -> Iterator[Problem]:
    """AMIs that cannot start in all environments that name them: an AMI has one architecture.

    Args:
        capacities: The compute environments, by name.

    Yields:
        The problems, below the environments.
    """
    first: dict[str, str] = {}
    for name, capacity in capacities.items():
        if capacity.image_id is None:
            continue
        other = first.setdefault(capacity.image_id, name)
        expected = capacities[other].architecture
        if capacity.architecture != expected:
            text = (
                f"{quote(capacity.image_id)} is not allowed: {other} starts it on {expected}, and"
                f" {name} has {capacity.architecture} instances"
            )
            yield Problem((name, "image_id"), text)
