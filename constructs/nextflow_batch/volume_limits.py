"""How many scratch volumes an instance type takes, as far as AWS documents a rule.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html
"""

from __future__ import annotations

import re

from nextflow_batch.instance_types import sizes

#: Attachments of Nitro types up to the sixth generation, shared with network interfaces.
_SHARED = 28
#: Families of the seventh generation with a limit of their own for volumes: by size.
_DEDICATED = re.compile(r"[cmr]7[ai]|r7iz")
_DEDICATED_BY_SIZE = {"16xlarge": 48, "24xlarge": 64, "32xlarge": 88, "48xlarge": 128}
_DEDICATED_USUAL = 32
#: Volumes of types that take fewer than their kin.
_FEWER = {
    "d3.8xlarge": 3,
    "d3en.12xlarge": 3,
    "g5.48xlarge": 9,
    "inf1.6xlarge": 23,
    "inf1.24xlarge": 11,
}
#: Nitro families begin here; older ones have no documented hard limit.
_NITRO = re.compile(r"[a-z]+([56])[a-z-]*")
_ROOT = _INTERFACE = 1


def scratch_volumes(name: str) -> int | None:
    """The most scratch volumes that every instance of an entry of `instanceTypes` takes.

    Args:
        name: A family (m6i) or a type (m6i.xlarge).

    Returns:
        Their number, the root volume not counted; none where no rule is documented. Disks and
        accelerators of the type take more away, which the worker asks EC2 about.
    """
    family, _, size = name.partition(".")
    names = [size] if size else [key for key in sizes(family) if not key.startswith("metal")]
    limits = [_limit(family, key) for key in names]
    numbers = [limit for limit in limits if limit is not None]
    return min(numbers) if numbers and len(numbers) == len(limits) else None


def _limit(family: str, size: str) -> int | None:
    if f"{family}.{size}" in _FEWER:
        return _FEWER[f"{family}.{size}"] - _ROOT
    if size.startswith("metal"):
        return None
    if _DEDICATED.fullmatch(family):
        return _DEDICATED_BY_SIZE.get(size, _DEDICATED_USUAL) - _ROOT
    return _SHARED - _ROOT - _INTERFACE if _NITRO.fullmatch(family) else None
