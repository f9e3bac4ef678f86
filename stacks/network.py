"""Where workers run: the network stack with a VPC of our own, or an existing VPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, Stack
from aws_cdk import aws_ec2 as ec2

from nextflow_batch import Network, zones

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.data import DataStack
    from stacks.settings import ExistingVpc, Settings


class NetworkStack(Stack):
    """The VPC that workers run in.

    Attributes:
        network: The VPC and the workers' subnets.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data: DataStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description="Nextflow on AWS Batch: network", **kwargs
        )
        network = settings.network
        self._zones = network.zones_in(settings.region)
        self.network = Network(
            self,
            "Network",
            availability_zones=self.availability_zones,
            cidr=network.cidr,
            egress=network.egress,
            storage=data.storage,
            session_manager=settings.worker.session_manager,
            key=data.key,
            log_retention=data.log_retention,
            removal_policy=data.removal_policy,
        )

    @property
    def availability_zones(self) -> list[str]:
        """The region's first zones, left to CloudFormation: synth asks no account for them."""
        return zones(self, self._zones)


def place(
    scope: Construct, existing: ExistingVpc | None, network: NetworkStack | None
) -> tuple[ec2.IVpc, ec2.SubnetSelection]:
    """Choose where workers run.

    Args:
        scope: The stack that uses it.
        existing: The VPC that the settings name.
        network: The stack of our own, where they name none.

    Returns:
        The VPC, and the subnets that workers run in.
    """
    if network:
        return network.network.vpc, network.network.subnets
    if not existing:
        raise ValueError("either a network stack or an existing VPC is needed")
    vpc = ec2.Vpc.from_vpc_attributes(
        scope,
        "ExistingVpc",
        vpc_id=existing.vpc_id,
        availability_zones=sorted({subnet.zone for subnet in existing.subnets}),
    )
    subnets = [
        ec2.Subnet.from_subnet_attributes(
            scope, subnet.id, subnet_id=subnet.id, availability_zone=subnet.zone
        )
        for subnet in existing.subnets
    ]
    for subnet in subnets:
        Annotations.of(subnet).acknowledge_warning(
            "@aws-cdk/aws-ec2:noSubnetRouteTableId", "nothing here reads the route tables"
        )
    return vpc, ec2.SubnetSelection(subnets=subnets)
