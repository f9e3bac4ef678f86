"""What EC2's instance types offer: a table of facts, as Batch reads `instanceTypes`.

EC2 tells these facts only to who asks its API, so they lie beside this file in
instance_types.json: family, size, vCPUs, MiB and traits. `make instance-types` renews it.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator

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


Architecture = Literal["arm64", "x86_64"]
#: What a type may have besides: an NVIDIA GPU, no Spot price.
Trait = Literal["nvidia", "no-spot"]


class _Type(NamedTuple):
    resources: Resources
    traits: frozenset[str]


@cache
def _table() -> dict[str, dict[str, _Type]]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        family: {
            size: _Type(Resources(vcpus, memory_mib), frozenset(traits))
            for size, (vcpus, memory_mib, *traits) in sizes.items()
        }
        for family, sizes in table.items()
    }


def sizes(family: str) -> dict[str, Resources]:
    """The sizes of a family, the smallest first.

    Args:
        family: For example m6i.

    Returns:
        Each size's name (2xlarge) and what it has; nothing for a family that the table lacks.
    """
    return {size: entry.resources for size, entry in _table().get(family, {}).items()}


def architecture(name: str) -> Architecture:
    """The processor of a family, a type or one of Batch's bundles."""
    return "arm64" if _ARM.fullmatch(name.partition(".")[0]) else "x86_64"


def has(name: str, trait: Trait) -> bool:
    """Whether all types that an entry of `instanceTypes` stands for have a trait."""
    entries = [type_.split(".") for type_ in types(name)]
    return bool(entries) and all(trait in _table()[family][size].traits for family, size in entries)


def types(name: str) -> dict[str, Resources]:
    """The types that Batch may start for one entry of `instanceTypes`, by name.

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
        resources = sizes(family).get(size)
        return {name: resources} if resources else {}
    families = _BUNDLES.get(name, (name,))
    if not all(sizes(key) for key in families):
        return {}
    return {
        f"{key}.{size}": resources
        for key in families
        for size, resources in sizes(key).items()
        if not size.startswith("metal")
    }


def resources(name: str) -> list[Resources]:
    """What the types have that Batch may start for one entry of `instanceTypes`."""
    return list(types(name).values())


def unknown_reason(name: str) -> str | None:
    """Why an entry of `instanceTypes` is not in the table; none where it is.

    Batch would refuse it in the middle of a deployment.
    """
    if types(name):
        return None
    family = name.partition(".")[0]
    if names := sizes(family):
        return f"{family} has no such size: must be one of {', '.join(names)}"
    like = get_close_matches(family, _table(), n=1)
    hint = f" (did you mean {like[0]}?)" if like else ""
    return (
        f"no such family is known{hint}; if it is newer than the table of instance types,"
        " run `make instance-types`"
    )


def _instance_type(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("must be an instance family (m6i), a type (m6i.xlarge) or `optimal`")
    if sizes(name.partition(".")[0]) and (reason := unknown_reason(name)):
        raise ValueError(reason)
    return name


#: The letters after the generation say the processor: a `g` is Graviton (m7g, c6gn, im4gn);
#: `a1` is the one Graviton family without it.
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_ARM = re.compile(r"a1|[a-z]+\d+[a-z]*g[a-z]*|default_arm64")
_NAME = re.compile(
    r"(?:[a-z]+-?\d+[a-z0-9-]*(?:\.(?:metal|nano|micro|small|medium|large|\d*xlarge)(?:-\d+xl)?)?"
    r"|optimal|default_x86_64|default_arm64)"
)

#: An entry of `instanceTypes`. A family that the table lacks may be newer than it.
InstanceType = Annotated[str, AfterValidator(_instance_type)]
