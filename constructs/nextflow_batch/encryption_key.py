"""A customer key for bucket, logs and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

if TYPE_CHECKING:
    from constructs import Construct

_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


class EncryptionKey(kms.Key):
    """A KMS key that CloudWatch Logs and Auto Scaling may use, as a deployment needs it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
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
        self._let_logs_use(Stack.of(scope))
        self._let_auto_scaling_use(Stack.of(scope))

    def _let_logs_use(self, stack: Stack) -> None:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        groups = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Describe*", *_USE],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _let_auto_scaling_use(self, stack: Stack) -> None:
        # Batch's instances come from Auto Scaling; without this they die at launch.
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        role = (
            f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/"
            "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        )
        # As a condition: KMS refuses a principal that does not exist, and this role is made when
        # the account first uses Auto Scaling.
        caller = {"aws:PrincipalArn": role, "aws:PrincipalAccount": stack.account}
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["kms:DescribeKey", *_USE],
                resources=["*"],
                conditions={"StringEquals": caller},
            )
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["kms:CreateGrant"],
                resources=["*"],
                conditions={
                    "StringEquals": caller,
                    "Bool": {"kms:GrantIsForAWSResource": "true"},
                },
            )
        )
