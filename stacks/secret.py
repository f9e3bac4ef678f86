"""A secret that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_secretsmanager as secretsmanager

if TYPE_CHECKING:
    from constructs import Construct


def existing_secret(
    scope: Construct, construct_id: str, arn: str | None
) -> secretsmanager.ISecret | None:
    """Import a secret, if there is one.

    Args:
        scope: The stack that uses it.
        construct_id: Its name below the stack.
        arn: Its whole ARN.
    """
    if arn is None:
        return None
    return secretsmanager.Secret.from_secret_complete_arn(scope, construct_id, arn)
