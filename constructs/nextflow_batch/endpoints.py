"""The endpoints through which a VPC without a way out reaches AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

_PULL = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:CreateRepository",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
)


class Endpoint(NamedTuple):
    """An interface endpoint.

    Attributes:
        service: The end of the service's name, as in com.amazonaws.REGION.SERVICE.
        users: Who on a worker calls it, and what for.
        actions: What may be called through it by principals of the account; None if AWS documents
            no policy for it, and anything may.
    """

    service: str
    users: str
    actions: Sequence[str] | None


#: What boot, ECS agent, Docker, head and scratch disk call. Batch's own calls come from outside the
#: VPC; KMS is called by S3 and EBS, not from here; metrics are extracted from logs.
ENDPOINTS = (
    Endpoint("batch", "the head and Nextflow: submit, watch and end tasks", ["batch:*"]),
    Endpoint("ec2", "the worker: grow the scratch disk", ["ec2:*"]),
    Endpoint("ecr.api", "ECS agent: log in to ECR", _PULL),
    Endpoint("ecr.dkr", "Docker: manifests of images; their layers come from S3", _PULL),
    Endpoint("ecs", "ECS agent: join the cluster; the worker: leave it", ["ecs:*"]),
    Endpoint("ecs-agent", "ECS agent: receive jobs", None),
    Endpoint("ecs-telemetry", "ECS agent: report load", None),
    Endpoint("logs", "boot, Docker and head: logs of workers, tasks and heads", ["logs:*"]),
)
#: Besides, for a shell on a worker by Session Manager.
SESSION_ENDPOINTS = (
    Endpoint("ssm", "Systems Manager's agent: register", None),
    Endpoint("ssmmessages", "Systems Manager's agent: sessions", None),
)


class Endpoints(Construct):
    """Interface endpoints in each zone of the VPC, reached by HTTPS from inside it only.

    Attributes:
        security_group: Of the endpoints.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        cidr: str,
        subnets: ec2.SubnetSelection,
        session_manager: bool = False,
    ) -> None:
        """Define the endpoints.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            vpc: The VPC.
            cidr: Its range, from which the endpoints may be called.
            subnets: Where the endpoints are, one subnet for each zone.
            session_manager: Whether people may open a shell on a worker.
        """
        super().__init__(scope, construct_id)
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="Endpoints of AWS services: HTTPS from inside the VPC",
            allow_all_outbound=False,
        )
        self.security_group.add_ingress_rule(
            ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), "HTTPS from inside the VPC"
        )
        account = Stack.of(self).account
        for endpoint in (*ENDPOINTS, *(SESSION_ENDPOINTS if session_manager else ())):
            interface = vpc.add_interface_endpoint(
                f"{endpoint.service}-endpoint",
                service=ec2.InterfaceVpcEndpointAwsService(endpoint.service),
                subnets=subnets,
                security_groups=[self.security_group],
                open=False,
            )
            if endpoint.actions:
                interface.add_to_policy(_own_account(account, endpoint.actions))


def _own_account(account: str, actions: Sequence[str]) -> iam.PolicyStatement:
    # With credentials of another account, data could leave through an endpoint.
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": account}},
    )
