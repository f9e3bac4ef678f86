"""What the ECS agent, Docker and Session Manager need on a worker, whatever cluster it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from constructs import Construct

    from nextflow_batch.worker_options import WorkerOptions


class AgentAccess(iam.ManagedPolicy):
    """What AWS's own policies allow on everything, as far as workers use it.

    Those are AmazonEC2ContainerServiceforEC2Role and AmazonSSMManagedInstanceCore. What the agent
    calls on its cluster is `ClusterAccess`, and writing logs is the storage's. The head's image is
    pulled, and its log written, with the execution role of its job definition.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: WorkerOptions,
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            options: Which images may be pulled, and whether people may open a shell.
        """
        stack = Stack.of(scope)
        repositories = [
            name
            if name.startswith("arn:")
            else stack.format_arn(service="ecr", resource="repository", resource_name=name)
            for name in options.image_repositories
        ]
        statements = [
            iam.PolicyStatement(
                sid="FindCluster", actions=["ecs:DiscoverPollEndpoint"], resources=["*"]
            ),
        ]
        reasons = {"*": "ECS names no resource of ecs:DiscoverPollEndpoint"}
        if repositories:
            statements += _pull_statements(repositories)
            reasons["*"] += ", ECR none of ecr:GetAuthorizationToken"
            reasons |= {
                arn: "repositories that the site names" for arn in repositories if "*" in arn
            }
        if options.session_manager:
            statements.append(_session_statement())
            reasons["*"] += ", Systems Manager none of a session's channels"
        super().__init__(
            scope,
            construct_id,
            description="What the ECS agent, Docker and Session Manager call",
            statements=statements,
        )
        justify(self, reasons)


def _pull_statements(repositories: list[str]) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]
        ),
        iam.PolicyStatement(
            sid="PullTaskImages",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=repositories,
        ),
    ]


def _session_statement() -> iam.PolicyStatement:
    # No ssm:GetParameter and no ec2messages, which AWS's policy has for Run Command.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    return iam.PolicyStatement(
        sid="OpenSessions",
        actions=[
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        resources=["*"],
    )
