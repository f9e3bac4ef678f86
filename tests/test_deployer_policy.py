"""The policies of the role that deploys: enough for each resource of each variant, and no more.

What a resource needs is what its schema in the CloudFormation registry says, of which cfn-lint has
a copy, as it has of IAM's list of actions. The policies are decided by the evaluator that the local
AWS enforces.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from audit import deployer, variants
from audit.deployer import Deployer
from audit.handlers import CALLS
from local_aws.cloudformation.schema import schema_of
from local_aws.iam.evaluation import Principal, denial_of
from local_aws.iam.keys import Keys, Value
from local_aws.iam.policy import Need, action_matches, statements
from tests.support.local_aws import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIANTS = variants.all_of_them()
BOUNDARY = VARIANTS["roles"].roles.permissions_boundary
_PLACE = f"us-west-2:{ACCOUNT}"
_EC2 = f"arn:aws:ec2:{_PLACE}"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/nextflow-default-batch-HeadRole-AbC"
_POLICY = f"arn:aws:iam::{ACCOUNT}:policy/nextflow-default-data-HeadAccess-AbC"
_FUNCTION = f"arn:aws:lambda:{_PLACE}:function:nextflow-default-data-Handler-AbC"
_TOPIC = f"arn:aws:sns:{_PLACE}:nextflow-default-operations-Topic-AbC"
_QUEUE = f"arn:aws:sqs:{_PLACE}:nextflow-default-operations-Undelivered-AbC"
_BUCKET = "arn:aws:s3:::nextflow-default-data-bucket-abc"
#: What makes a resource of each type, and where.
CREATES = {
    "AWS::Batch::ComputeEnvironment": (
        "batch:CreateComputeEnvironment",
        f"arn:aws:batch:{_PLACE}:compute-environment/Spot-AbC",
    ),
    "AWS::Batch::JobDefinition": (
        "batch:RegisterJobDefinition",
        f"arn:aws:batch:{_PLACE}:job-definition/default-nextflow",
    ),
    "AWS::Batch::JobQueue": (
        "batch:CreateJobQueue",
        f"arn:aws:batch:{_PLACE}:job-queue/default-default",
    ),
    "AWS::Batch::SchedulingPolicy": (
        "batch:CreateSchedulingPolicy",
        f"arn:aws:batch:{_PLACE}:scheduling-policy/Shares-AbC",
    ),
    "AWS::Budgets::Budget": ("budgets:ModifyBudget", f"arn:aws:budgets::{ACCOUNT}:budget/B-AbC"),
    "AWS::CloudWatch::Alarm": (
        "cloudwatch:PutMetricAlarm",
        f"arn:aws:cloudwatch:{_PLACE}:alarm:nextflow-default-operations-RefusedBoot-AbC",
    ),
    "AWS::CloudWatch::Dashboard": (
        "cloudwatch:PutDashboard",
        f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/Page-AbC",
    ),
    "AWS::EC2::EIP": ("ec2:AllocateAddress", f"{_EC2}:elastic-ip/eipalloc-1"),
    "AWS::EC2::FlowLog": ("ec2:CreateFlowLogs", f"{_EC2}:vpc-flow-log/fl-1"),
    "AWS::EC2::InternetGateway": ("ec2:CreateInternetGateway", f"{_EC2}:internet-gateway/igw-1"),
    "AWS::EC2::LaunchTemplate": ("ec2:CreateLaunchTemplate", f"{_EC2}:launch-template/lt-1"),
    "AWS::EC2::NatGateway": ("ec2:CreateNatGateway", f"{_EC2}:natgateway/nat-1"),
    "AWS::EC2::Route": ("ec2:CreateRoute", f"{_EC2}:route-table/rtb-1"),
    "AWS::EC2::RouteTable": ("ec2:CreateRouteTable", f"{_EC2}:route-table/rtb-1"),
    "AWS::EC2::SecurityGroup": ("ec2:CreateSecurityGroup", f"{_EC2}:security-group/sg-1"),
    "AWS::EC2::Subnet": ("ec2:CreateSubnet", f"{_EC2}:subnet/subnet-1"),
    "AWS::EC2::SubnetRouteTableAssociation": (
        "ec2:AssociateRouteTable",
        f"{_EC2}:route-table/rtb-1",
    ),
    "AWS::EC2::VPC": ("ec2:CreateVpc", f"{_EC2}:vpc/vpc-1"),
    "AWS::EC2::VPCEndpoint": ("ec2:CreateVpcEndpoint", f"{_EC2}:vpc-endpoint/vpce-1"),
    "AWS::EC2::VPCGatewayAttachment": (
        "ec2:AttachInternetGateway",
        f"{_EC2}:internet-gateway/igw-1",
    ),
    "AWS::ECR::PullThroughCacheRule": ("ecr:CreatePullThroughCacheRule", "*"),
    "AWS::ECR::RegistryScanningConfiguration": ("ecr:PutRegistryScanningConfiguration", "*"),
    "AWS::ECR::RepositoryCreationTemplate": ("ecr:CreateRepositoryCreationTemplate", "*"),
    "AWS::Events::Rule": (
        "events:PutRule",
        f"arn:aws:events:{_PLACE}:rule/nextflow-default-operations-HeadFailed-AbC",
    ),
    "AWS::IAM::InstanceProfile": (
        "iam:CreateInstanceProfile",
        f"arn:aws:iam::{ACCOUNT}:instance-profile/nextflow-default-batch-Profile-AbC",
    ),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy", _POLICY),
    "AWS::IAM::Policy": ("iam:PutRolePolicy", _ROLE),
    "AWS::IAM::Role": ("iam:CreateRole", _ROLE),
    "AWS::KMS::Key": ("kms:CreateKey", "*"),
    "AWS::Lambda::Function": ("lambda:CreateFunction", _FUNCTION),
    "AWS::Lambda::Permission": ("lambda:AddPermission", _FUNCTION),
    "AWS::Logs::LogGroup": (
        "logs:CreateLogGroup",
        f"arn:aws:logs:{_PLACE}:log-group:nextflow-default-data-Logs-AbC",
    ),
    "AWS::Logs::SubscriptionFilter": (
        "logs:PutSubscriptionFilter",
        f"arn:aws:logs:{_PLACE}:log-group:nextflow-default-data-Logs-AbC",
    ),
    "AWS::S3::Bucket": ("s3:CreateBucket", _BUCKET),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy", _BUCKET),
    "AWS::SNS::Subscription": ("sns:Subscribe", _TOPIC),
    "AWS::SNS::Topic": ("sns:CreateTopic", _TOPIC),
    "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes", _TOPIC),
    "AWS::SQS::Queue": ("sqs:CreateQueue", _QUEUE),
    "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes", _QUEUE),
    "AWS::SSM::Parameter": (
        "ssm:PutParameter",
        f"arn:aws:ssm:{_PLACE}:parameter/nextflow-batch/default",
    ),
    "Custom::S3AutoDeleteObjects": ("lambda:InvokeFunction", _FUNCTION),
}
#: What a schema asks for and no template needs, by the reason.
UNUSED: dict[str, dict[str, str]] = {
    "AWS::Batch::ComputeEnvironment": {"eks:*": "EKS"},
    "AWS::Budgets::Budget": {"billing:GetBillingViewData": "billing views"},
    "AWS::EC2::EIP": {"ec2:AcceptAddressTransfer": "addresses of another account"},
    "AWS::EC2::FlowLog": {
        "logs:*LogDelivery s3:* iam:CreateServiceLinkedRole": "flow logs in S3",
        "autoscaling:DescribeTags": "flow logs of other things than a VPC",
    },
    "AWS::EC2::NatGateway": {
        "ec2:*PrivateNatGatewayAddress ec2:*associateNatGatewayAddress": "further addresses"
    },
    "AWS::EC2::Subnet": {"ec2:*associateSubnetCidrBlock": "IPv6"},
    "AWS::EC2::VPC": {
        "ec2:CreateVpcEncryptionControl": "VPC encryption control",
        "ec2:ModifyVpcTenancy": "tenancy never changes",
    },
    "AWS::EC2::VPCEndpoint": {"vpc-lattice:* vpce:AllowMultiRegion": "VPC Lattice; other regions"},
    "AWS::EC2::VPCGatewayAttachment": {"ec2:*VpnGateway": "VPN"},
    "AWS::ECR::PullThroughCacheRule": {"iam:PassRole": "the ECR of another account"},
    "AWS::ECR::RegistryScanningConfiguration": {
        "inspector2:* iam:CreateServiceLinkedRole": "enhanced scanning"
    },
    "AWS::ECR::RepositoryCreationTemplate": {
        "ecr:SetRepositoryPolicy iam:PassRole iam:CreateServiceLinkedRole": "policies, tags, keys"
    },
    "AWS::Events::Rule": {"iam:PassRole": "targets with a role"},
    "AWS::IAM::ManagedPolicy": {"iam:*GroupPolicy iam:*UserPolicy": "users and groups"},
    "AWS::IAM::Policy": {"iam:*GroupPolicy iam:*UserPolicy": "users and groups"},
    "AWS::IAM::Role": {"iam:DeleteRolePermissionsBoundary": "nobody takes the boundary off"},
    "AWS::Lambda::Function": {
        "ec2:* elasticfilesystem:* s3files:* kms:*": "functions in a VPC, with files, with a key",
        "lambda:*CodeSigningConfig lambda:*Concurrency lambda:GetLayerVersion": "not set",
        "lambda:PassCapacityProvider lambda:PublishVersion lambda:AssociateRuntimeAlias": "not set",
        "lambda:PutFunctionRecursionConfig lambda:PutFunctionScalingConfig": "not set",
        "lambda:PutRuntimeManagementConfig": "not set",
    },
    "AWS::Logs::LogGroup": {
        "firehose:* logs:CreateLogDelivery s3:REST.PUT.OBJECT": "delivery to elsewhere",
        "logs:*DataProtectionPolicy logs:*IndexPolicy logs:*ResourcePolicy": "not set",
        "logs:PutBearerTokenAuthentication logs:PutLogGroupDeletionProtection": "not set",
    },
    "AWS::Logs::SubscriptionFilter": {"iam:PassRole": "destinations in Kinesis and Firehose"},
    "AWS::S3::Bucket": {
        "iam:PassRole s3:*Replication*": "replication",
        "s3tables:* s3:*BucketMetadata*": "metadata tables",
        "s3:DeleteObject s3:PutObjectAcl s3:*ObjectLockConfiguration": "objects",
        "s3:PutAccelerateConfiguration s3:*AnalyticsConfiguration s3:*MetricsConfiguration"
        " s3:PutIntelligentTieringConfiguration s3:PutInventoryConfiguration": "not set",
        "s3:*BucketCors s3:*BucketWebsite s3:PutBucketNotification s3:PutBucketAbac": "not set",
        "s3:DeleteBucketEncryption s3:DeleteBucketLifecycle": "no actions of IAM: Put… is asked",
    },
    "AWS::SNS::Subscription": {"iam:*": "subscriptions of Firehose"},
    "AWS::SNS::Topic": {
        "iam:* sns:PutDataProtectionPolicy": "not set",
        "sns:Subscribe sns:Unsubscribe": "subscriptions are resources of their own",
    },
}


@functools.cache
def made(name: str) -> Deployer:
    return deployer.of(VARIANTS[name])


def _denied(
    policies: dict[str, Any], action: str, resource: str, keys: dict[str, Value] | None = None
) -> bool:
    identity = [each for policy in policies.values() for each in statements(policy)]
    role = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-west-2"
    principal = Principal(role, role, identity, None, None, {})
    values: dict[str, Value] = {
        "iam:PermissionsBoundary": None,
        "iam:PolicyARN": None,
        "iam:PassedToService": None,
        "iam:AWSServiceName": None,
        **(keys or {}),
    }
    need = Need(action, resource, Keys(values, ("aws:ResourceTag/",)))
    return denial_of(principal, need) is not None


def _asked(resource_type: str) -> set[str]:
    """The actions that a type's schema asks for, in small letters."""
    handlers = schema_of(resource_type).document.get("handlers", {})
    return {
        action.lower()
        for name, handler in handlers.items()
        for action in handler.get("permissions", [])
        if name != "list"
    }


def _written(resource_type: str) -> set[str]:
    return {
        f"{calls.service}:{name}"
        for calls in CALLS[resource_type]
        for name in calls.actions.split()
    }


def _matching(action: str, wanted: set[str]) -> Iterator[str]:
    return (each for each in wanted if action_matches(action, each))


@pytest.mark.parametrize("name", VARIANTS)
def test_each_resource_type_of_each_variant_can_be_created(name: str) -> None:
    settings, policies = VARIANTS[name], made(name).policies()
    prefix = f"{settings.roles.path or '/'}{settings.roles.name_prefix or ''}"
    keys: dict[str, Value] = {"iam:PermissionsBoundary": settings.roles.permissions_boundary}

    assert made(name).types
    for resource_type in made(name).types:
        action, resource = CREATES[resource_type]
        if action.startswith("iam:"):
            resource = resource.replace("/", prefix, 1)
        for word in ("nextflow-", "nextflow-batch/"):
            resource = resource.replace(f"{word}default", f"{word}{settings.deployment}")
        for word in ("job-definition/", "job-queue/"):
            resource = resource.replace(f"{word}default-", f"{word}{settings.prefix}")
        assert not _denied(policies, action, resource, keys), resource_type


def test_no_row_of_the_table_is_unused() -> None:
    assert set(CALLS) == {kind for name in VARIANTS for kind in made(name).types}
    assert set(CREATES) == set(CALLS)


@pytest.mark.parametrize("resource_type", [kind for kind in CALLS if kind.startswith("AWS::")])
def test_the_table_has_what_the_schema_asks_for_and_a_reason_for_the_rest(
    resource_type: str,
) -> None:
    asked, written = _asked(resource_type), _written(resource_type)
    reasons = {word for words in UNUSED.get(resource_type, {}) for word in words.split()}
    missing = {action for action in asked if not any(_matching(action, written))}

    assert asked
    assert {action for action in missing if not any(_matching(action, reasons))} == set()
    assert {word for word in reasons if not any(action_matches(a, word) for a in missing)} == set()
    assert {word for word in written if not any(action_matches(a, word) for a in asked)} == set()


def test_each_action_exists_and_is_limited_to_resources_as_far_as_iam_can() -> None:
    file = resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json"
    services = json.loads(file.read_text("utf-8"))
    for resource_type, entries in CALLS.items():
        for calls in entries:
            for name in calls.actions.split():
                known = services[calls.service]["Actions"]
                found = [each for each in known if action_matches(each, name)]
                assert found, (resource_type, name)
                can = all("Resources" in known[each] for each in found)
                reads = name.startswith("Describe")
                assert (calls.resource != "*") == can or reads, (resource_type, name)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_policies_fit_what_iam_takes(name: str) -> None:
    policies = made(name).policies()

    assert all(len(json.dumps(each, separators=(",", ":"))) <= 6_144 for each in policies.values())
    assert len(policies) <= 10  # attached to one role
    for policy in policies.values():
        assert "iam:*" not in json.dumps(policy)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/nextflow-workshop-batch-HeadRole-AbC"),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role"),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/nextflow-default-me"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/nextflow-default2-deployer-1"),
        ("s3:CreateBucket", "arn:aws:s3:::nextflow-workshop-data-bucket-abc"),
        ("s3:DeleteBucket", "arn:aws:s3:::our-genomes"),
        ("s3:GetObject", f"{_BUCKET}/raw/genome.bam"),
        ("s3:PutObject", f"{_BUCKET}/raw/genome.bam"),
        ("s3:DeleteObject", f"{_BUCKET}/raw/genome.bam"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{_PLACE}:log-group:/aws/cloudtrail"),
        ("ssm:PutParameter", f"arn:aws:ssm:{_PLACE}:parameter/nextflow-batch/workshop"),
        ("ssm:PutParameter", f"arn:aws:ssm:{_PLACE}:parameter/cdk-bootstrap/hnb659fds/version"),
        ("batch:RegisterJobDefinition", f"arn:aws:batch:{_PLACE}:job-definition/other"),
        ("batch:SubmitJob", f"arn:aws:batch:{_PLACE}:job-queue/default"),
        ("ec2:RunInstances", f"{_EC2}:instance/*"),
        ("ec2:DeleteVpc", f"arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc/vpc-1"),
        ("kms:CreateKey", "*"),
        ("lambda:CreateFunction", _FUNCTION.replace("nextflow-default", "other")),
        ("sts:AssumeRole", _ROLE),
    ],
)
def test_the_default_settings_allow_nothing_else(action: str, resource: str) -> None:
    assert _denied(made("default").policies(), action, resource)


def test_roles_get_policies_of_the_deployment_only() -> None:
    policies = made("default").policies()
    attach = functools.partial(_denied, policies, "iam:AttachRolePolicy", _ROLE)

    assert not attach({"iam:PolicyARN": _POLICY})
    assert attach({"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"})
    assert attach({"iam:PolicyARN": f"arn:aws:iam::{ACCOUNT}:policy/nextflow-workshop-data-AbC"})


def test_a_policy_of_aws_may_be_attached_if_a_role_has_it() -> None:
    key: dict[str, Value] = {
        "iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"
    }

    assert _denied(made("default").policies(), "iam:AttachRolePolicy", _ROLE, key)
    assert not _denied(made("workshop's roles").policies(), "iam:AttachRolePolicy", _ROLE, key)


@pytest.mark.parametrize(
    ("service", "is_denied"),
    [("ecs-tasks", False), ("ec2", False), ("lambda", False), ("glue", True)],
)
def test_roles_are_passed_to_the_services_that_they_trust(service: str, is_denied: bool) -> None:
    keys: dict[str, Value] = {"iam:PassedToService": f"{service}.amazonaws.com"}

    assert _denied(made("default").policies(), "iam:PassRole", _ROLE, keys) == is_denied


def test_with_a_boundary_no_role_is_without_it() -> None:
    policies = made("roles").policies()
    role = f"arn:aws:iam::{ACCOUNT}:role/lab/lab-nextflow-default-batch-HeadRole-AbC"
    own: dict[str, Value] = {
        "iam:PolicyARN": f"arn:aws:iam::{ACCOUNT}:policy/lab/lab-nextflow-default-data-AbC"
    }
    for name in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"):
        other: dict[str, Value] = {"iam:PermissionsBoundary": own["iam:PolicyARN"]}
        assert not _denied(
            policies, f"iam:{name}", role, {**own, "iam:PermissionsBoundary": BOUNDARY}
        )
        assert _denied(policies, f"iam:{name}", role, own), name
        assert _denied(policies, f"iam:{name}", role, {**own, **other}), name
        assert _denied(policies, f"iam:{name}", _ROLE, {"iam:PermissionsBoundary": BOUNDARY}), name
    assert _denied(policies, "iam:DeleteRolePermissionsBoundary", role)


def test_keys_of_others_are_not_deleted() -> None:
    policies = made("customer key").policies()
    key = f"arn:aws:kms:{_PLACE}:key/1234abcd"
    tag = "aws:ResourceTag/nextflow-batch:deployment"

    assert not _denied(policies, "kms:ScheduleKeyDeletion", key, {tag: "default"})
    assert _denied(policies, "kms:ScheduleKeyDeletion", key, {tag: "workshop"})
    assert _denied(policies, "kms:ScheduleKeyDeletion", key)


def test_settings_that_are_wrong_print_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert deployer.main(["no-such-settings"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
