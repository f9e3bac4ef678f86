"""What CloudFormation calls to create, read, update and delete a resource, by its type.

The calls are those of the registry's schemas, without those for properties that no template has:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

from typing import NamedTuple


class Calls(NamedTuple):
    """Some calls that need the same permission.

    Attributes:
        service: The prefix of the actions.
        actions: Their names, separated by spaces.
        resource: The resource's part of the ARN, or a whole ARN, or `*` where the action takes no
            ARN; `{stack}` begins the name that CloudFormation generates, `{role}` and `{policy}`
            are IAM's, and `{PropertyName}` is the resource's own property.
        condition: The name of a condition of `audit.deployer`.
    """

    service: str
    actions: str
    resource: str = "*"
    condition: str = ""


_EC2_TAGS = "CreateTags DeleteTags"
_PASS_ROLE = Calls("iam", "PassRole", "{role}", "passed")


def _ec2(describe: str, change: str) -> list[Calls]:
    """EC2 chooses the names of its resources, and few of its Describe actions take an ARN."""
    return [Calls("ec2", describe), Calls("ec2", change, "*/*")]


CALLS: dict[str, list[Calls]] = {
    "AWS::Batch::ComputeEnvironment": [
        Calls("batch", "DescribeComputeEnvironments"),
        Calls(
            "batch",
            "CreateComputeEnvironment UpdateComputeEnvironment DeleteComputeEnvironment"
            " SetCapacityTags TagResource UntagResource",
            # CloudFormation's name for it does not have the stack's.
            "compute-environment/*",
        ),
        Calls("ec2", "DescribeLaunchTemplateVersions"),
        _PASS_ROLE,
        Calls(
            "iam",
            "CreateServiceLinkedRole",
            "role/aws-service-role/batch.amazonaws.com/*",
            "service-linked batch",
        ),
    ],
    "AWS::Batch::JobDefinition": [
        Calls("batch", "DescribeJobDefinitions"),
        *[
            Calls(
                "batch",
                "RegisterJobDefinition DeregisterJobDefinition TagResource UntagResource",
                f"job-definition/{{JobDefinitionName}}{revision}",
            )
            for revision in ("", ":*")
        ],
        _PASS_ROLE,
    ],
    "AWS::Batch::JobQueue": [
        Calls("batch", "DescribeJobQueues"),
        Calls(
            "batch",
            "CreateJobQueue UpdateJobQueue DeleteJobQueue TagResource UntagResource",
            "job-queue/{JobQueueName}",
        ),
        Calls("batch", "CreateJobQueue UpdateJobQueue", "compute-environment/*"),
        Calls("batch", "CreateJobQueue UpdateJobQueue", "scheduling-policy/*"),
    ],
    "AWS::Batch::SchedulingPolicy": [
        Calls("batch", "DescribeSchedulingPolicies"),
        Calls(
            "batch",
            "CreateSchedulingPolicy UpdateSchedulingPolicy DeleteSchedulingPolicy"
            " TagResource UntagResource",
            # CloudFormation's name for it does not have the stack's.
            "scheduling-policy/*",
        ),
    ],
    "AWS::Budgets::Budget": [
        # Its name begins with the resource's.
        Calls(
            "budgets",
            "ModifyBudget ViewBudget ListTagsForResource TagResource UntagResource",
            "arn:{partition}:budgets::{account}:budget/*",
        ),
    ],
    "AWS::CloudWatch::Alarm": [
        Calls(
            "cloudwatch",
            "PutMetricAlarm DescribeAlarms DeleteAlarms ListTagsForResource TagResource"
            " UntagResource",
            "alarm:{stack}",
        ),
    ],
    "AWS::CloudWatch::Dashboard": [
        Calls(
            "cloudwatch",
            "PutDashboard GetDashboard DeleteDashboards ListTagsForResource TagResource"
            " UntagResource",
            # CloudFormation's name for it begins with the resource's id.
            "arn:{partition}:cloudwatch::{account}:dashboard/*",
        ),
    ],
    "AWS::EC2::EIP": _ec2(
        "DescribeAddresses",
        f"AllocateAddress AssociateAddress DisassociateAddress ReleaseAddress {_EC2_TAGS}",
    ),
    "AWS::EC2::FlowLog": [
        *_ec2("DescribeFlowLogs DescribeTags", f"CreateFlowLogs DeleteFlowLogs {_EC2_TAGS}"),
        _PASS_ROLE,
    ],
    "AWS::EC2::InternetGateway": _ec2(
        "DescribeInternetGateways", f"CreateInternetGateway DeleteInternetGateway {_EC2_TAGS}"
    ),
    "AWS::EC2::LaunchTemplate": _ec2(
        "DescribeLaunchTemplates",
        f"CreateLaunchTemplate CreateLaunchTemplateVersion DeleteLaunchTemplate {_EC2_TAGS}",
    ),
    "AWS::EC2::NatGateway": _ec2(
        "DescribeNatGateways", f"CreateNatGateway DeleteNatGateway {_EC2_TAGS}"
    ),
    "AWS::EC2::Route": _ec2(
        "DescribeRouteTables DescribeNetworkInterfaces", "CreateRoute ReplaceRoute DeleteRoute"
    ),
    "AWS::EC2::RouteTable": _ec2(
        "DescribeRouteTables", f"CreateRouteTable DeleteRouteTable {_EC2_TAGS}"
    ),
    "AWS::EC2::SecurityGroup": _ec2(
        "DescribeSecurityGroups DescribeInstances",
        "CreateSecurityGroup DeleteSecurityGroup AuthorizeSecurityGroupEgress"
        " AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
        " UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress"
        f" {_EC2_TAGS}",
    ),
    "AWS::EC2::Subnet": _ec2(
        "DescribeSubnets DescribeNetworkAcls",
        f"CreateSubnet DeleteSubnet ModifySubnetAttribute {_EC2_TAGS}",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": _ec2(
        "DescribeRouteTables DescribeSubnets",
        "AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation",
    ),
    "AWS::EC2::VPC": _ec2(
        "DescribeVpcs DescribeVpcAttribute DescribeNetworkAcls DescribeSecurityGroups"
        " DescribeVpcEncryptionControls",
        f"CreateVpc DeleteVpc ModifyVpcAttribute {_EC2_TAGS}",
    ),
    "AWS::EC2::VPCEndpoint": _ec2(
        "DescribeVpcEndpoints DescribeSubnets DescribeSecurityGroups DescribeVpcs",
        f"CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints {_EC2_TAGS}",
    ),
    "AWS::EC2::VPCGatewayAttachment": _ec2(
        "DescribeInternetGateways DescribeVpnGateways",
        "AttachInternetGateway DetachInternetGateway",
    ),
    "AWS::ECR::PullThroughCacheRule": [
        Calls(
            "ecr",
            "CreatePullThroughCacheRule DeletePullThroughCacheRule DescribePullThroughCacheRules",
        ),
        Calls(
            "iam",
            "CreateServiceLinkedRole",
            "role/aws-service-role/pullthroughcache.ecr.amazonaws.com/*",
            "service-linked pullthroughcache.ecr",
        ),
        Calls("secretsmanager", "GetSecretValue", "{CredentialArn}"),
    ],
    "AWS::ECR::RegistryScanningConfiguration": [
        Calls("ecr", "GetRegistryScanningConfiguration PutRegistryScanningConfiguration"),
    ],
    "AWS::ECR::RepositoryCreationTemplate": [
        Calls(
            "ecr",
            "CreateRepositoryCreationTemplate UpdateRepositoryCreationTemplate"
            " DeleteRepositoryCreationTemplate DescribeRepositoryCreationTemplates",
        ),
        Calls("ecr", "CreateRepository PutLifecyclePolicy", "repository/{Prefix}/*"),
    ],
    "AWS::Events::Rule": [
        Calls(
            "events",
            "PutRule DescribeRule DeleteRule PutTargets RemoveTargets ListTargetsByRule"
            " ListTagsForResource TagResource UntagResource",
            "rule/{stack}",
        ),
    ],
    "AWS::IAM::InstanceProfile": [
        Calls(
            "iam",
            "CreateInstanceProfile GetInstanceProfile DeleteInstanceProfile"
            " AddRoleToInstanceProfile RemoveRoleFromInstanceProfile",
            "{profile}",
        ),
        _PASS_ROLE,
    ],
    "AWS::IAM::ManagedPolicy": [
        Calls(
            "iam",
            "CreatePolicy GetPolicy DeletePolicy CreatePolicyVersion GetPolicyVersion"
            " DeletePolicyVersion ListPolicyVersions ListEntitiesForPolicy",
            "{policy}",
        ),
        Calls("iam", "AttachRolePolicy DetachRolePolicy", "{role}", "attached"),
    ],
    "AWS::IAM::Policy": [
        Calls("iam", "PutRolePolicy DeleteRolePolicy", "{role}", "bounded"),
        Calls("iam", "GetRolePolicy", "{role}"),
    ],
    "AWS::IAM::Role": [
        Calls(
            "iam",
            "GetRole DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole"
            " UntagRole ListAttachedRolePolicies ListRolePolicies GetRolePolicy",
            "{role}",
        ),
        Calls(
            "iam",
            "CreateRole PutRolePermissionsBoundary PutRolePolicy DeleteRolePolicy",
            "{role}",
            "bounded",
        ),
        Calls("iam", "AttachRolePolicy DetachRolePolicy", "{role}", "attached"),
    ],
    "AWS::KMS::Key": [
        Calls("kms", "CreateKey"),
        Calls(
            "kms",
            "DescribeKey EnableKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus"
            " ListResourceTags TagResource UntagResource UpdateKeyDescription",
            "key/*",
        ),
        Calls(
            "kms",
            "DisableKey DisableKeyRotation PutKeyPolicy ScheduleKeyDeletion",
            "key/*",
            "tagged",
        ),
    ],
    "AWS::Lambda::Function": [
        Calls(
            "lambda",
            "CreateFunction GetFunction DeleteFunction UpdateFunctionCode"
            " UpdateFunctionConfiguration GetFunctionCodeSigningConfig GetFunctionRecursionConfig"
            " GetFunctionScalingConfig GetRuntimeManagementConfig TagResource UntagResource",
            "function:{stack}",
        ),
        Calls(
            "s3",
            "GetObject GetObjectVersion",
            "arn:{partition}:s3:::cdk-hnb659fds-assets-{account}-{region}/*",
        ),
        _PASS_ROLE,
    ],
    "AWS::Lambda::Permission": [
        Calls("lambda", "AddPermission GetPolicy RemovePermission", "function:{stack}"),
    ],
    "AWS::Logs::LogGroup": [
        Calls("logs", "DescribeLogGroups DescribeIndexPolicies DescribeResourcePolicies"),
        Calls(
            "logs",
            "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey"
            " DisassociateKmsKey GetDataProtectionPolicy ListTagsForResource TagResource"
            " UntagResource",
            "log-group:{stack}",
        ),
    ],
    "AWS::Logs::SubscriptionFilter": [
        Calls(
            "logs",
            "PutSubscriptionFilter DescribeSubscriptionFilters DeleteSubscriptionFilter",
            "log-group:{stack}",
        ),
    ],
    "AWS::S3::Bucket": [
        Calls(
            "s3",
            # The resource is a bucket's name, but `*` matches an object's key as well: no object's.
            "CreateBucket DeleteBucket ListBucket GetBucket* Get*Configuration PutBucketAcl"
            " PutBucketLogging PutBucketOwnershipControls PutBucketPublicAccessBlock"
            " PutBucketTagging PutBucketVersioning PutEncryptionConfiguration"
            " PutLifecycleConfiguration ListTagsForResource TagResource UntagResource",
            "arn:{partition}:s3:::{stack}",
        ),
    ],
    "AWS::S3::BucketPolicy": [
        Calls(
            "s3",
            "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy",
            "arn:{partition}:s3:::{stack}",
        ),
    ],
    "AWS::SNS::Subscription": [
        Calls(
            "sns",
            "Subscribe Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes",
            "{stack}",
        ),
    ],
    "AWS::SNS::Topic": [
        Calls(
            "sns",
            "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes GetDataProtectionPolicy"
            " ListSubscriptionsByTopic ListTagsForResource TagResource UntagResource",
            "{stack}",
        ),
    ],
    "AWS::SNS::TopicPolicy": [Calls("sns", "SetTopicAttributes", "{stack}")],
    "AWS::SQS::Queue": [
        Calls(
            "sqs",
            "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl SetQueueAttributes"
            " ListQueueTags TagQueue UntagQueue",
            "{stack}",
        ),
    ],
    "AWS::SQS::QueuePolicy": [Calls("sqs", "SetQueueAttributes", "{stack}")],
    "AWS::SSM::Parameter": [
        Calls(
            "ssm",
            "PutParameter GetParameters DeleteParameter AddTagsToResource RemoveTagsFromResource"
            " ListTagsForResource",
            "parameter{Name}",
        ),
    ],
    "Custom::S3AutoDeleteObjects": [Calls("lambda", "InvokeFunction", "function:{stack}")],
}
