"""The IPv4 range of a VPC."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator

from nextflow_batch.problem import Problem, quote

#: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
_PRIVATE = [
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]
#: https://docs.docker.com/engine/network/drivers/bridge/
_DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")
_LARGEST = 16
#: Two subnets in each of six zones are laid out, so that neither a further zone nor another egress
#: moves one of them: the range is cut into 16. A subnet then has 27 addresses, and with `isolated`
#: 59, of which up to ten are the endpoints'.
_SMALLEST = {"nat": 23, "public": 23, "isolated": 22}
#: Addresses of a subnet of the next smaller range.
_TOO_FEW = {"nat": 11, "public": 11, "isolated": 27}


def _cidr(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"must be an IPv4 range such as 10.0.0.0/16 ({error})") from None
    if str(network) != text:
        raise ValueError("must be written with a prefix length, such as 10.0.0.0/16")
    if not any(network.subnet_of(private) for private in _PRIVATE):
        ranges = ", ".join(map(str, _PRIVATE))
        raise ValueError(f"must be a private range such as 10.0.0.0/16, in one of {ranges}")
    if network.overlaps(_DOCKER_BRIDGE):
        raise ValueError(f"must not overlap {_DOCKER_BRIDGE}, which Docker uses on each worker")
    if not _LARGEST <= network.prefixlen <= _SMALLEST["nat"]:
        raise ValueError("must be between /16 (the largest of a VPC) and /23")
    return text


def too_small(cidr: str, egress: str) -> list[Problem]:
    """Whether the range leaves workers too few addresses."""
    smallest = _SMALLEST[egress]
    if IPv4Network(cidr).prefixlen <= smallest:
        return []
    return [
        Problem(
            ("cidr",),
            f"{quote(cidr)} is not allowed: must be /{smallest} or larger with egress {egress}:"
            f" its subnets would have {_TOO_FEW[egress]} addresses each",
        )
    ]


Cidr = Annotated[str, AfterValidator(_cidr)]
