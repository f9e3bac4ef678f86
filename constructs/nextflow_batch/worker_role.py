"""The role of the instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from nextflow_batch.agent_access import AgentAccess

if TYPE_CHECKING:
    from constructs import Construct

    from nextflow_batch.worker_options import WorkerOptions


class WorkerRole(iam.Role):
    """What the instances themselves may do; none of AWS's own policies is part of it.

    Tasks cannot use it: each has a role of its own, and each boot proves that they are kept off
    the metadata service.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: WorkerOptions,
    ) -> None:
        """Make the role.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            options: Which images may be pulled, and whether people may open a shell.
        """
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="Instances that Batch starts",
        )
        self.add_managed_policy(AgentAccess(self, "AgentAccess", options=options))
