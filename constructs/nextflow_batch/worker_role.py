"""The role of the instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from nextflow_batch.wildcards import justify_managed

if TYPE_CHECKING:
    from constructs import Construct

_MANAGED = {
    "service-role/AmazonEC2ContainerServiceforEC2Role": "what the ECS agent calls changes with the"
    " agent, and AWS keeps this policy in step with it",
    "AmazonSSMManagedInstanceCore": "lets people look at an instance without SSH and without an"
    " open port; AWS keeps it in step with its agent",
}


class WorkerRole(iam.Role):
    """What the ECS agent and Systems Manager need; the worker's own rights are granted to it.

    Tasks cannot use it: each has a role of its own, and each boot proves that they are kept off
    the metadata service.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Make the role.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
        """
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="Instances that Batch starts",
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in _MANAGED
            ],
        )
        justify_managed(self, _MANAGED)
