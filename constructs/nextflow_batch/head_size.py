"""How large the head is, and whether an instance can run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.instance_types import Architecture, Resources
from nextflow_batch.problem import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from nextflow_batch.capacity import Capacity

HeadVcpus = Annotated[int, Field(ge=1, le=192)]
HeadMemory = Annotated[int, Field(ge=512, le=1_500_000)]
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html
Attempts = Annotated[int, Field(ge=1, le=10)]


def misfit(
    head: Resources, architecture: Architecture, capacities: Collection[Capacity]
) -> list[Problem]:
    """Why none of the capacities can run the head.

    Args:
        head: What it asks for.
        architecture: For which its image is built.
        capacities: Those of all queues.

    Returns:
        The problem; none where one of them can.
    """
    right = [entry for entry in capacities if entry.architecture == architecture]
    if not right:
        others = " or ".join(sorted({entry.architecture for entry in capacities}))
        text = f"{shown(architecture)} is not allowed: must be {others}, which the queues run"
        return [Problem(("architecture",), text)]
    if any(entry.runs(head) for entry in right):
        return []
    names = ", ".join(dict.fromkeys(name for entry in right for name in entry.instance_types))
    most = max(entry.most_vcpus() for entry in right)
    if head.vcpus > most:
        limit = max(entry.max_vcpus for entry in right)
        within = f" within max_vcpus {limit}" if limit < head.vcpus else ""
        text = f"{head.vcpus} does not fit: {names} has at most {most}{within}"
        return [Problem(("vcpus",), text)]
    leaves = max(entry.memory_beside(head.vcpus) for entry in right)
    text = f"{head.memory_mib} does not fit: {names} leaves {leaves}"
    return [Problem(("memory_mib",), text)]
