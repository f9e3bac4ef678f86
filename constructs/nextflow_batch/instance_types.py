"""What EC2's instance types offer: a table of facts, as Batch reads `instanceTypes`.

EC2 tells these facts only to who asks its API, so they lie beside this file in
instance_types.json: family, size, vCPUs and MiB. `make instance-types` renews it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_suffix(".json")

#: What Batch chooses from when it is left the choice.
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html (instanceTypes)
_BUNDLES = {
    "optimal": ("m6i", "c6i", "r6i", "c7i"),
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}


class Resources(NamedTuple):
    """What an instance has, or what a job may ask for.

    Attributes:
        vcpus: vCPUs.
        memory_mib: Memory in MiB.
    """

    vcpus: int
    memory_mib: int


@cache
def _table() -> dict[str, dict[str, Resources]]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        family: {size: Resources(*resources) for size, resources in sizes.items()}
        for family, sizes in table.items()
    }


def families() -> list[str]:
    """The families that the table has, by name."""
    return sorted(_table())


def sizes(family: str) -> dict[str, Resources]:
    """The sizes of a family, the smallest first.

    Args:
        family: For example m6i.

    Returns:
        Each size's name (2xlarge) and what it has; nothing for a family that the table lacks.
    """
    return _table().get(family, {})


def offered(name: str) -> list[Resources]:
    """The instances that Batch may start for one entry of `instanceTypes`.

    Args:
        name: A family (m6i), a type (m6i.xlarge), or one of Batch's own bundles (`optimal`). A
            family does not include its metal sizes; only their own names do
            (https://docs.aws.amazon.com/batch/latest/userguide/create-compute-environment.html).
            A flex family is one of its own: c7i has no c7i-flex.

    Returns:
        What each of them has; nothing where the table lacks one of the families or the size.
    """
    family, _, size = name.partition(".")
    if size:
        return [resources for key, resources in sizes(family).items() if key == size]
    entries = [sizes(key) for key in _BUNDLES.get(name, (name,))]
    if not all(entries):
        return []
    return [
        resources
        for known in entries
        for key, resources in known.items()
        if not key.startswith("metal")
    ]
