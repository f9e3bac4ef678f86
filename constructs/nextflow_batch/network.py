"""Where workers run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from aws_cdk import Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct
from pydantic import Field

from nextflow_batch.acknowledgements import acknowledge, acknowledge_log_group
from nextflow_batch.arguments import check, refuse
from nextflow_batch.cidr import Cidr, too_small
from nextflow_batch.endpoints import Endpoints
from nextflow_batch.s3_endpoint import closed_statements, open_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms

    from nextflow_batch.storage import Storage


#: The region with the most zones, us-east-1, has six.
_MOST_ZONES = 6
Egress = Literal["nat", "public", "isolated"]
_Zones = Annotated[list[str], Field(min_length=1, max_length=_MOST_ZONES)]
_WORKERS = {
    "nat": ec2.SubnetType.PRIVATE_WITH_EGRESS,
    "public": ec2.SubnetType.PUBLIC,
    "isolated": ec2.SubnetType.PRIVATE_ISOLATED,
}
#: Logical ids and ranges are the same in each mode, so that another mode changes subnets in place
#: or adds to them: a subnet's range cannot overlap that of one which has yet to go.
_PUBLIC, _PRIVATE = "Public", "Private"


class Network(Construct):
    """A VPC whose instances cannot be reached, with the way out that `egress` says.

    S3 of the VPC's region is reached through a gateway endpoint, which costs nothing. Flow logs
    record who talked to whom.

    Attributes:
        vpc: The VPC.
        subnets: Which of its subnets workers run in.
        egress: How they reach others.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        availability_zones: Sequence[str],
        cidr: str = "10.0.0.0/16",
        egress: Egress = "nat",
        storage: Storage | None = None,
        session_manager: bool = False,
        key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """Lay out the VPC.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            availability_zones: One to six zones, by name or as tokens.
            cidr: The VPC's IPv4 range, /16 to /23.
            egress: `nat` gives private subnets behind one NAT gateway, `public` gives public
                subnets, `isolated` gives subnets that reach nothing but AWS, through endpoints; in
                each the workers' security group lets nothing in.
            storage: The deployment's data: no other bucket can be written through the endpoint of
                S3, and with `isolated` none but it and its reference buckets can be read. The
                endpoint has no policy when not given.
            session_manager: Whether an isolated VPC has the endpoints of Session Manager.
            key: Encrypts the flow logs; CloudWatch's own key when not given.
            log_retention: How long flow logs are kept.
            removal_policy: What `cdk destroy` does with the flow logs.

        Raises:
            ArgumentsError: The range, the zones or the egress is not allowed.
        """
        check(
            "Network",
            availability_zones=(_Zones, _listed(availability_zones)),
            cidr=(Cidr, cidr),
            egress=(Egress, egress),
        )
        refuse("Network", too_small(cidr, egress))
        super().__init__(scope, construct_id)
        self.egress = egress
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=list(availability_zones),
            # Room for zones that are not used yet: else a further one moves every subnet's range.
            reserved_azs=_MOST_ZONES - len(availability_zones),
            nat_gateways=1 if egress == "nat" else 0,
            subnet_configuration=_subnets(egress),
            restrict_default_security_group=False,  # it would add a Lambda function of the CDK's
        )
        self.subnets = ec2.SubnetSelection(subnet_type=_WORKERS[egress])
        self._add_s3_endpoint(storage)
        if egress == "isolated":
            Endpoints(
                self,
                "Endpoints",
                vpc=self.vpc,
                cidr=cidr,
                subnets=self.subnets,
                session_manager=session_manager,
            )
        flow_logs = logs.LogGroup(
            self,
            "FlowLogs",
            encryption_key=key,
            retention=log_retention,
            removal_policy=removal_policy,
        )
        self._add_flow_log(flow_logs)
        if key is None:
            acknowledge_log_group(flow_logs)
        acknowledge(self.vpc, _reasons(egress))

    def _add_s3_endpoint(self, storage: Storage | None) -> None:
        endpoint = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if storage is None:
            return
        statements = (
            closed_statements(Stack.of(self), storage)
            if self.egress == "isolated"
            else open_statements(storage)
        )
        for statement in statements:
            endpoint.add_to_policy(statement)

    def _add_flow_log(self, group: logs.LogGroup) -> None:
        self.vpc.add_flow_log(
            "FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group)
        )


def _reasons(egress: str) -> dict[str, str]:
    """Why findings about the VPC may stay."""
    reasons = {
        "VPCDefaultSecurityGroupClosed": "nothing is in the default group, and CloudFormation"
        " cannot close it without a Lambda function",
        "IAMNoInlinePolicy": "the flow logs' policy belongs to one role and goes with it",
    }
    if egress == "nat":
        reasons["VPCNoUnrestrictedRouteToIGW"] = (
            "the way out of the NAT gateway; no worker is there"
        )
    if egress == "public":
        asked = "the settings ask for public subnets; the workers' security group lets nothing in"
        reasons |= dict.fromkeys(
            ("VPCNoUnrestrictedRouteToIGW", "VPCSubnetAutoAssignPublicIpDisabled"), asked
        )
    return reasons


def _listed(zones: object) -> object:
    """A sequence as a list; a name alone is none, although Python's text is a sequence."""
    return list(zones) if isinstance(zones, (list, tuple)) else zones


def _subnets(egress: str) -> list[ec2.SubnetConfiguration]:
    return [
        ec2.SubnetConfiguration(
            name=_PUBLIC,
            subnet_type=ec2.SubnetType.PUBLIC,
            reserved=egress == "isolated",
            # Behind a NAT gateway no worker sits in the public subnets, so nothing there needs one.
            map_public_ip_on_launch=egress == "public",
        ),
        ec2.SubnetConfiguration(
            name=_PRIVATE,
            subnet_type=ec2.SubnetType.PRIVATE_ISOLATED
            if egress == "isolated"
            else ec2.SubnetType.PRIVATE_WITH_EGRESS,
            reserved=egress == "public",
        ),
    ]


def zones(scope: Construct, count: int) -> list[str]:
    """Name the first zones of a stack's region, left to CloudFormation to find.

    In a stack with a stated account the CDK looks zones up nevertheless, unless the stack's
    `availability_zones` gives these, as `stacks.batch` does.

    Args:
        scope: Anything in the stack.
        count: How many.

    Returns:
        Tokens that CloudFormation resolves; a region with fewer zones refuses the deploy.
    """
    names = Fn.get_azs(Stack.of(scope).region)
    return [Fn.select(index, names) for index in range(count)]
