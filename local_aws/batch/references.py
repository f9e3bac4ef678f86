"""Checks that what a compute environment names exists, and that it can be."""

from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from local_aws.batch import capacity
from local_aws.batch.errors import request_error
from local_aws.batch.place import Place

_PERCENTAGES = range(101)


def service_role(place: Place, requested: str | None) -> str:
    """Give the role that Batch works with.

    Without one it is the service-linked role, which exists in every account that has used Batch
    (https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html).

    Args:
        place: The account and region.
        requested: `serviceRole` of the request.

    Returns:
        The role's ARN.

    Raises:
        ClientException: There is no such role.
    """
    linked = (
        f"arn:{place.partition}:iam::{place.account_id}:role/aws-service-role/"
        "batch.amazonaws.com/AWSServiceRoleForBatch"
    )
    if not requested or requested == linked:
        return linked
    if not any(requested in (role.arn, role.name) for role in _iam(place).roles.values()):
        raise request_error(f"Could not find IAM role {requested}")
    return requested


def _iam(place: Place) -> Any:
    return iam_backends[place.account_id][place.partition]


def instance_role_of(place: Place, profile: str | None) -> str | None:
    """Find the role behind an instance profile.

    Args:
        place: The account and region.
        profile: The profile's name or ARN.

    Returns:
        The role's ARN, or None.
    """
    for known in _iam(place).get_instance_profiles():
        if profile in (known.arn, known.name) and known.roles:
            return str(known.roles[0].arn)
    return None


def check_resources(place: Place, resources: dict[str, Any] | None) -> None:
    """Refuse compute resources that cannot be, or that name what is not there.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html

    Args:
        place: The account and region.
        resources: `computeResources` of the request.

    Raises:
        ClientException: Something is missing, out of bounds or does not exist.
    """
    if resources is None:
        raise request_error("computeResources is required.")
    if resources["type"].startswith("FARGATE"):
        raise request_error(f"type {resources['type']}: the local AWS has EC2 and SPOT only")
    least, most = resources.get("minvCpus", 0), resources["maxvCpus"]
    if most < 1 or not 0 <= least <= most:
        raise request_error(
            f"minvCpus {least} and maxvCpus {most} are not 0 <= min <= max, 1 <= max"
        )
    _check_network(place, resources)
    _check_instances(place, resources)
    _check_spot(resources)


def _check_network(place: Place, resources: dict[str, Any]) -> None:
    ec2 = ec2_backends[place.account_id][place.region]
    if not resources.get("subnets"):
        raise request_error("computeResources.subnets is required.")
    subnets = {subnet for zone in ec2.subnets.values() for subnet in zone}
    for subnet in resources["subnets"]:
        if subnet not in subnets:
            raise request_error(f"subnet {subnet} does not exist")
    for group in resources.get("securityGroupIds", []):
        if ec2.get_security_group_from_id(group) is None:
            raise request_error(f"security group {group} does not exist")


def _check_instances(place: Place, resources: dict[str, Any]) -> None:
    role = resources.get("instanceRole")
    if not role:
        raise request_error("Instance role is required.")
    known = _iam(place).get_instance_profiles()
    if not any(role in (profile.arn, profile.name) for profile in known):
        raise request_error(f"Could not find instance profile {role}")
    for name in resources.get("instanceTypes", []):
        if not capacity.is_known(name):
            raise request_error(f"Instance type {name} does not exist")
    if len(capacity.architectures(resources.get("instanceTypes", []))) > 1:
        raise request_error(
            "computeResources.instanceTypes must share one architecture: x86_64 or arm64"
        )


def _check_spot(resources: dict[str, Any]) -> None:
    bid = resources.get("bidPercentage", 100)
    if bid not in _PERCENTAGES:
        raise request_error(f"bidPercentage {bid} must be between 0 and 100")
    best_fit = resources.get("allocationStrategy", "BEST_FIT") == "BEST_FIT"
    if resources["type"] == "SPOT" and best_fit and not resources.get("spotIamFleetRole"):
        raise request_error("computeResources.spotIamFleetRole is required for SPOT with BEST_FIT")
