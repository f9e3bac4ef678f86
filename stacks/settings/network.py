"""Where workers run: a VPC of our own, or an existing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.arguments import Arguments, Like
from nextflow_batch.cidr import Cidr, too_small
from nextflow_batch.names import SubnetId, VpcId
from nextflow_batch.network import Egress
from nextflow_batch.problem import Problem, quote
from nextflow_batch.regions import zone_count

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_ZONES = 3
_FEWEST_ZONES = 2


class Subnet(Arguments):
    """A subnet of an existing VPC."""

    id: SubnetId = Field(description="Id of the subnet")
    zone: Annotated[str, Like(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", "a zone, such as us-west-2a")] = Field(
        description="Its Availability Zone"
    )


class ExistingVpc(Arguments):
    """An existing VPC; workers run in the listed subnets."""

    vpc_id: VpcId = Field(description="Id of the VPC")
    subnets: tuple[Subnet, ...] = Field(
        description="Subnets with outbound access, in two zones or more"
    )

    def conflicts(self) -> Iterator[Problem]:
        """A subnet that is named twice, or too few zones."""
        ids = [subnet.id for subnet in self.subnets]
        for position, name in enumerate(ids):
            if name in ids[:position]:
                text = f"{quote(name)} is not allowed: it is listed twice"
                yield Problem(("subnets", position, "id"), text)
        zones = sorted({subnet.zone for subnet in self.subnets})
        if len(zones) < _FEWEST_ZONES:
            text = f"must be in at least two zones, got {', '.join(zones) or 'none'}"
            yield Problem(("subnets",), text)


class Network(Arguments):
    """The VPC of the workers: a new one, or an existing one."""

    existing: ExistingVpc | None = Field(None, description="Use this VPC instead of a new one")
    cidr: Cidr = Field(
        "10.0.0.0/16",
        description="Private IPv4 range of the new VPC, /16 to /23 (/22 with `egress: isolated`)",
    )
    zones: int | None = Field(
        None,
        ge=_FEWEST_ZONES,
        le=6,
        description="Availability Zones of the new VPC, at most as many as the region has; unset:"
        " 3, or 2 in a region with two",
    )
    egress: Egress = Field(
        "nat",
        description="How workers reach others (docs/network.md): from private subnets through one"
        " NAT gateway; from public subnets (cheaper; inbound connections are still blocked); or"
        " nothing but AWS, through endpoints",
    )

    def conflicts(self) -> Iterator[Problem]:
        """Settings of our own VPC beside an existing one, or a range that is too small."""
        if self.existing:
            for key in sorted(self.model_fields_set & {"cidr", "zones", "egress"}):
                yield Problem((key,), "applies to a new VPC only: remove it, or remove existing")
        else:
            yield from too_small(self.cidr, self.egress)

    def zones_in(self, region: str) -> int:
        """How many zones our own VPC has."""
        return self.zones or min(_DEFAULT_ZONES, zone_count(region) or _DEFAULT_ZONES)

    def region_conflicts(self, region: str) -> Iterator[Problem]:
        """What the region does not have.

        Args:
            region: Where the VPC is.

        Yields:
            The problems, below the network.
        """
        most = zone_count(region)
        if self.zones and most and self.zones > most:
            text = (
                f"{self.zones} is not allowed: must be at most {most}, the number of zones in"
                f" {region}"
            )
            yield Problem(("zones",), text)
        for position, subnet in enumerate(self.existing.subnets if self.existing else ()):
            if subnet.zone[:-1] != region:
                text = f"{quote(subnet.zone)} is not allowed: must be a zone of {region}"
                yield Problem(("existing", "subnets", position, "zone"), text)
