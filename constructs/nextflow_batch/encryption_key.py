"""A customer key for bucket, logs, volumes and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from nextflow_batch.acknowledgements import acknowledge

if TYPE_CHECKING:
    from constructs import Construct

_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
#: Who starts Batch's instances: Auto Scaling, and for Spot instances EC2 itself.
#: https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
_LAUNCHERS = (
    "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    "spot.amazonaws.com/AWSServiceRoleForEC2Spot",
)


class EncryptionKey(kms.Key):
    """A KMS key that the services which a deployment needs may use.

    These are CloudWatch Logs, who starts Batch's instances, and EventBridge and CloudWatch, which
    publish the notifications. An existing key needs the same statements: docs/customer-key.md.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """Make the key.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            removal_policy: What `cdk destroy` does with it.
        """
        super().__init__(
            scope,
            construct_id,
            description="Bucket, logs and volumes of Nextflow on AWS Batch",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        for statement in service_statements(Stack.of(scope)):
            self.add_to_resource_policy(statement)
        acknowledge(
            self,
            {
                "CKV_AWS_33": "a condition names the roles of Auto Scaling and EC2 Spot, which a"
                " new account does not have yet"
            },
        )


def service_statements(stack: Stack) -> list[iam.PolicyStatement]:
    """What the policy of a deployment's key must allow besides its administration."""
    return [_logs(stack), *_launchers(stack), *_notifications(stack)]


def _logs(stack: Stack) -> iam.PolicyStatement:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    groups = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name="*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=["kms:Describe*", *_USE],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _launchers(stack: Stack) -> list[iam.PolicyStatement]:
    # Without these, instances with encrypted volumes die at launch. As a condition: KMS refuses a
    # principal that does not exist, and these roles are made when the account first needs them.
    roles = [
        f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/{role}"
        for role in _LAUNCHERS
    ]
    caller = {"aws:PrincipalArn": roles, "aws:PrincipalAccount": stack.account}
    return [
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["kms:DescribeKey", *_USE],
            resources=["*"],
            conditions={"StringEquals": caller},
        ),
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["kms:CreateGrant"],
            resources=["*"],
            conditions={
                "StringEquals": caller,
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        ),
    ]


def _notifications(stack: Stack) -> list[iam.PolicyStatement]:
    # Neither service gives KMS a source account for an encrypted topic, so the encryption context
    # says whose topic and whose queue it is.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    return [
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"{publisher}.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={
                "ArnLike": {
                    f"kms:EncryptionContext:aws:{context}": stack.format_arn(
                        service=service, resource="*"
                    )
                }
            },
        )
        for publisher, service, context in (
            ("events", "sns", "sns:topicArn"),
            ("events", "sqs", "sqs:arn"),
            ("cloudwatch", "sns", "sns:topicArn"),
        )
    ]
