"""Gives every role and policy of the stacks what an organization demands of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from aws_cdk import CfnResource, Stack

if TYPE_CHECKING:
    from constructs import IConstruct

    from stacks.settings.roles import Roles

#: The property with a resource's name, and how long that may be. An inline policy has no path.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_NAMES = {
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Policy": ("PolicyName", 128),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", 128),
}


def apply(app: IConstruct, roles: Roles) -> None:
    """Set boundary, path and names.

    The resources are found by their type, as some of the CDK's own are no construct of IAM.

    Args:
        app: Everything that is declared.
        roles: What is demanded.
    """
    for construct in app.node.find_all():
        if not isinstance(construct, CfnResource) or construct.cfn_resource_type not in _NAMES:
            continue
        kind = construct.cfn_resource_type
        if roles.permissions_boundary and kind == "AWS::IAM::Role":
            construct.add_property_override("PermissionsBoundary", roles.permissions_boundary)
        if roles.path and kind != "AWS::IAM::Policy":
            construct.add_property_override("Path", roles.path)
        if roles.name_prefix:
            name, longest = _NAMES[kind]
            construct.add_property_override(name, _name(construct, roles, longest))


def _name(resource: CfnResource, roles: Roles, longest: int) -> str:
    """A name that is the resource's own, and another one where it must be replaced.

    CloudFormation makes the new resource before it deletes the old one, so both cannot have one
    name. What it cannot change is the path and, of a policy, the description.
    """
    stack = Stack.of(resource)
    logical_id = str(stack.resolve(resource.logical_id))
    policy = resource.cfn_resource_type == "AWS::IAM::ManagedPolicy"
    description = getattr(resource, "description", None) if policy else None
    fixed = json.dumps([stack.stack_name, logical_id, roles.path, stack.resolve(description)])
    digest = hashlib.sha256(fixed.encode()).hexdigest()[:8]
    whole = f"{roles.name_prefix}{stack.stack_name}-{logical_id}"
    return f"{whole[: longest - len(digest) - 1]}-{digest}"
