"""Where workers run: a VPC of our own in the batch stack, or an existing VPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2

from nextflow_batch import Network

if TYPE_CHECKING:
    from aws_cdk import Stack

    from stacks.data import DataStack
    from stacks.settings import ExistingVpc, Settings


def place(
    stack: Stack, settings: Settings, data: DataStack
) -> tuple[ec2.IVpc, ec2.SubnetSelection]:
    """Choose where workers run.

    Args:
        stack: The stack of the workers. A VPC of our own is in it too, so that CloudFormation makes
            what is new, moves the workers, and takes away what is old, in this order.
        settings: The deployment's settings.
        data: The deployment's data.

    Returns:
        The VPC, and the subnets that workers run in.
    """
    if settings.network.existing:
        return _existing(stack, settings.network.existing)
    network = Network(
        stack,
        # Another range is another VPC, beside the old one until the workers have moved.
        f"Network-{settings.network.cidr.replace('/', '-')}",
        availability_zones=stack.availability_zones,
        cidr=settings.network.cidr,
        egress=settings.network.egress,
        storage=data.storage,
        session_manager=settings.worker.session_manager,
        key=data.key,
        log_retention=data.log_retention,
        removal_policy=data.removal_policy,
    )
    return network.vpc, network.subnets


def _existing(scope: Stack, existing: ExistingVpc) -> tuple[ec2.IVpc, ec2.SubnetSelection]:
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
