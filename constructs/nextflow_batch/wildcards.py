"""Says why a policy's wildcard is needed, where cdk-nag asks for it.

cdk-nag wants each wildcard acknowledged by its own spelling, in which a reference to `Bucket.Arn`
reads `<Bucket.Arn>`: https://github.com/cdklabs/cdk-nag#suppressing-aws-iam5
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Stack, Validations

if TYPE_CHECKING:
    from constructs import Construct


def justify(policy: Construct, reasons: dict[str, str]) -> None:
    """Acknowledge the wildcards of a policy.

    Args:
        policy: The policy, or a construct above it.
        reasons: For each resource with a wildcard, why it needs one.
    """
    stack = Stack.of(policy)
    Validations.of(policy).acknowledge(
        *(
            Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::{_spelling(stack.resolve(resource))}]",
                reason=reason,
            )
            for resource, reason in reasons.items()
        )
    )


def justify_managed(role: Construct, names: dict[str, str]) -> None:
    """Acknowledge a role's AWS managed policies.

    Args:
        role: The role.
        names: For each policy's name with its path, why AWS's own is used.
    """
    Validations.of(role).acknowledge(
        *(
            Acknowledgment(
                id=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]",
                reason=reason,
            )
            for name, reason in names.items()
        )
    )


def _spelling(resource: Any) -> str:
    match resource:
        case str():
            return resource
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_spelling(part) for part in parts)
    # What cdk-nag does with other functions, such as Fn::Select.
    return json.dumps(resource, separators=(",", ":"))
