"""The resource types that the local AWS makes, changes and deletes."""

from collections.abc import Callable, Mapping

from local_aws.cloudformation.api import Api
from local_aws.cloudformation.handlers.batch import (
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    SchedulingPolicy,
)
from local_aws.cloudformation.handlers.bucket import Bucket, BucketPolicy, EmptiedBucket
from local_aws.cloudformation.handlers.cloudwatch import Alarm, Dashboard
from local_aws.cloudformation.handlers.ecr import Repository
from local_aws.cloudformation.handlers.events import Rule
from local_aws.cloudformation.handlers.functions import Function
from local_aws.cloudformation.handlers.handler import Handler
from local_aws.cloudformation.handlers.iam import (
    InstanceProfile,
    ManagedPolicy,
    Policy,
    Role,
)
from local_aws.cloudformation.handlers.kms import Key
from local_aws.cloudformation.handlers.launch_template import LaunchTemplate
from local_aws.cloudformation.handlers.logs import LogGroup
from local_aws.cloudformation.handlers.nothing import Nothing
from local_aws.cloudformation.handlers.routing import (
    FlowLog,
    Route,
    RouteTable,
    RouteTableAssociation,
    VpcEndpoint,
)
from local_aws.cloudformation.handlers.security_group import SecurityGroup
from local_aws.cloudformation.handlers.sns import Subscription, Topic, TopicPolicy
from local_aws.cloudformation.handlers.ssm import SsmParameter
from local_aws.cloudformation.handlers.vpc import (
    ElasticIp,
    InternetGateway,
    NatGateway,
    Subnet,
    Vpc,
    VpcGatewayAttachment,
)

_OURS: Mapping[str, Callable[[Api], Handler]] = {
    "AWS::Batch::ComputeEnvironment": ComputeEnvironment,
    "AWS::Batch::JobDefinition": JobDefinition,
    "AWS::Batch::JobQueue": JobQueue,
    "AWS::Batch::SchedulingPolicy": SchedulingPolicy,
    "AWS::CDK::Metadata": Nothing,
    "AWS::CloudWatch::Alarm": Alarm,
    "AWS::CloudWatch::Dashboard": Dashboard,
    "AWS::EC2::EIP": ElasticIp,
    "AWS::EC2::FlowLog": FlowLog,
    "AWS::EC2::InternetGateway": InternetGateway,
    "AWS::EC2::LaunchTemplate": LaunchTemplate,
    "AWS::EC2::NatGateway": NatGateway,
    "AWS::EC2::Route": Route,
    "AWS::EC2::RouteTable": RouteTable,
    "AWS::EC2::SecurityGroup": SecurityGroup,
    "AWS::EC2::Subnet": Subnet,
    "AWS::EC2::SubnetRouteTableAssociation": RouteTableAssociation,
    "AWS::EC2::VPC": Vpc,
    "AWS::EC2::VPCEndpoint": VpcEndpoint,
    "AWS::EC2::VPCGatewayAttachment": VpcGatewayAttachment,
    "AWS::ECR::Repository": Repository,
    "AWS::Events::Rule": Rule,
    "AWS::IAM::InstanceProfile": InstanceProfile,
    "AWS::IAM::ManagedPolicy": ManagedPolicy,
    "AWS::IAM::Policy": Policy,
    "AWS::IAM::Role": Role,
    "AWS::KMS::Key": Key,
    "AWS::Lambda::Function": Function,
    "AWS::Logs::LogGroup": LogGroup,
    "AWS::S3::Bucket": Bucket,
    "AWS::S3::BucketPolicy": BucketPolicy,
    "AWS::SNS::Subscription": Subscription,
    "AWS::SNS::Topic": Topic,
    "AWS::SNS::TopicPolicy": TopicPolicy,
    "AWS::SSM::Parameter": SsmParameter,
    "Custom::S3AutoDeleteObjects": EmptiedBucket,
}


class Handlers:
    """Finds the handler of a resource type.

    Args:
        api: The local AWS.

    Attributes:
        skipped: Types met so far that nothing stands behind, and single properties that no
            handler brings into effect (`AWS::S3::Bucket.ReplicationConfiguration`).
    """

    def __init__(self, api: Api) -> None:
        self.skipped: set[str] = set()
        self._api = api
        self._handlers: dict[str, Handler] = {}

    def of(self, resource_type: str) -> Handler:
        """Returns the handler of a type; for an unknown type one that does nothing."""
        if resource_type not in self._handlers:
            self._handlers[resource_type] = self._make(resource_type)
        return self._handlers[resource_type]

    def _make(self, resource_type: str) -> Handler:
        if resource_type in _OURS:
            return _OURS[resource_type](self._api)
        self.skipped.add(resource_type)
        return Nothing(self._api)

    def note_unapplied(self, resource_type: str, properties: Mapping[str, object]) -> None:
        """Remembers the properties that the type's handler leaves without effect."""
        applies = self.of(resource_type).applies
        if applies is not None:
            self.skipped |= {
                f"{resource_type}.{name}" for name in properties if name not in applies
            }
