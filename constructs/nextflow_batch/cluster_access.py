"""What the ECS agent may do on the clusters of a deployment, and on no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Fn, Stack
from aws_cdk import aws_iam as iam

from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_batch as batch
    from constructs import Construct


class ClusterAccess(iam.ManagedPolicy):
    """Lets workers join the clusters of their compute environments and report from them.

    Batch makes the cluster AWSBatch-NAME-UUID for the environment NAME; AWS ParallelCluster relies
    on that too: https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/templates/awsbatch_builder.py

    A worker that could join another deployment's cluster would be sent that one's tasks and the
    credentials of their roles.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role: iam.IRole,
        compute_environments: Sequence[batch.IComputeEnvironment],
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            role: The workers' role; it cannot list the policy itself, because the environments,
                which the policy names, need the role first.
            compute_environments: Whose clusters they may join.
        """
        stack = Stack.of(scope)
        # One for the cluster and its container instances, as a policy holds 6,144 characters.
        clusters = [
            stack.format_arn(
                service="ecs", resource="*", resource_name=f"AWSBatch-{_name(environment)}-*"
            )
            for environment in compute_environments
        ]
        instances = stack.format_arn(
            service="ecs", resource="container-instance", resource_name="AWSBatch-*"
        )
        super().__init__(
            scope,
            construct_id,
            description="What the ECS agent calls on the cluster of its compute environment",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    sid="JoinOwnClusters",
                    actions=[
                        "ecs:Poll",
                        "ecs:RegisterContainerInstance",
                        "ecs:StartTelemetrySession",
                        "ecs:SubmitAttachmentStateChanges",
                        "ecs:SubmitContainerStateChange",
                        "ecs:SubmitTaskStateChange",
                        # Before Spot takes the host, and while scratch is full.
                        "ecs:UpdateContainerInstancesState",
                    ],
                    resources=clusters,
                ),
                iam.PolicyStatement(
                    sid="TagOnRegistration",
                    actions=["ecs:TagResource"],
                    resources=[instances],
                    conditions={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
                ),
            ],
        )
        justify(
            self,
            {
                **dict.fromkeys(clusters, "Batch adds a random ending to the name of a cluster"),
                instances: "limited to the registration, which is limited to own clusters",
            },
        )


def _name(environment: batch.IComputeEnvironment) -> str:
    return Fn.select(1, Fn.split("/", environment.compute_environment_arn))
