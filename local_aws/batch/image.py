"""The AMIs of a compute environment's instances."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

_NVIDIA = re.compile(r"ECS_AL\d+_NVIDIA")
#: "ECS_AL2023_NVIDIA doesn't support p3 and g3 instance types", "Amazon Linux 2023 does not support
#: A1 instances": https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html
_UNSUPPORTED = {"ECS_AL2023_NVIDIA": ("p3.", "p3dn.", "g3.", "g3s."), "ECS_AL2023": ("a1.",)}


class Releases:
    """The AMIs that Amazon has published so far, as a number that grows.

    Attributes:
        latest: The newest.
    """

    def __init__(self) -> None:
        self.latest = 1

    def publish(self) -> None:
        """Publish newer AMIs of each type."""
        self.latest += 1


RELEASES = Releases()


def type_for(configurations: Iterable[Mapping[str, Any]], instance_type: str) -> str:
    """Tell which AMI an instance starts from.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html

    Args:
        configurations: `ec2Configuration` of the compute resources.
        instance_type: The instance's type.

    Returns:
        The image type: of two configurations, that for GPUs is for instances with GPUs.
    """
    has_gpu = "GpuInfo" in INSTANCE_TYPES[instance_type]
    stated = [str(item["imageType"]) for item in configurations]
    for name in stated:
        if len(stated) == 1 or has_gpu == bool(_NVIDIA.fullmatch(name)):
            return name
    return "ECS_AL2023_NVIDIA" if has_gpu else "ECS_AL2023"


def has_drivers(image_type: str) -> bool:
    """Tell whether ECS finds the GPUs of an instance that starts from an AMI."""
    return bool(_NVIDIA.fullmatch(image_type))


def starts(image_type: str, instance_type: str) -> bool:
    """Tell whether instances of a type come up with an AMI."""
    processor = INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    if has_drivers(image_type) and "arm64" in processor:
        return False
    return not instance_type.startswith(_UNSUPPORTED.get(image_type, ()))
