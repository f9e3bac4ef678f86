"""What moto's EC2 does that EC2 would not."""

from typing import Any

from moto.ec2.exceptions import DependencyViolationError, ResourceAlreadyAssociatedError
from moto.ec2.models import EC2Backend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.nat_gateways import NatGateway

_create_nat_gateway = EC2Backend.create_nat_gateway
_delete_nat_gateway = EC2Backend.delete_nat_gateway
_delete_subnet = EC2Backend.delete_subnet


def install() -> None:
    """Shows the tags that a launch template has now, and guards what is in use."""
    LaunchTemplate.tags = property(LaunchTemplate.get_tags, _ignore)
    EC2Backend.create_nat_gateway = _create_with_free_address
    EC2Backend.delete_nat_gateway = _free_address
    EC2Backend.delete_subnet = _delete_unused_subnet


def _ignore(_template: LaunchTemplate, _tags: Any) -> None:
    """Takes what moto's constructor sets."""


def _create_with_free_address(
    backend: EC2Backend, subnet_id: str, allocation_id: str, *more: Any, **options: Any
) -> NatGateway:
    """https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html."""
    used = {
        address.get("allocationId")
        for gateway in backend.nat_gateways.values()
        if gateway.state == "available"
        for address in gateway.address_set
    }
    if allocation_id in used:
        raise ResourceAlreadyAssociatedError(allocation_id)
    return _create_nat_gateway(backend, subnet_id, allocation_id, *more, **options)


def _free_address(backend: EC2Backend, nat_gateway_id: str) -> NatGateway:
    gateway = _delete_nat_gateway(backend, nat_gateway_id)
    for address in backend.addresses:
        if address.eni is gateway._eni:
            address.eni = address.association_id = None
    return gateway


def _delete_unused_subnet(backend: EC2Backend, subnet_id: str) -> Any:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html."""
    if any(
        gateway.subnet_id == subnet_id and gateway.state == "available"
        for gateway in backend.nat_gateways.values()
    ):
        raise DependencyViolationError(
            f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
        )
    return _delete_subnet(backend, subnet_id)
