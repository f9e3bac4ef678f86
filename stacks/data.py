"""The data stack: what outlives everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from nextflow_batch import Storage

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.settings import Storage as StorageSettings


class DataStack(Stack):
    """Bucket, log group and, on demand, the key that encrypts them.

    Attributes:
        key: The customer key, when the settings ask for one.
        storage: Bucket and logs.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StorageSettings, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, description="Nextflow on AWS Batch: data", **kwargs)
        removal = RemovalPolicy.RETAIN
        if settings.delete_with_stack and settings.delete_data_for_good:
            removal = RemovalPolicy.DESTROY
        self.key = self._make_key(removal) if settings.customer_key else None
        work_days = settings.work_expires_days
        self.storage = Storage(
            self,
            "Storage",
            bucket_name=settings.bucket,
            existing_bucket=s3.Bucket.from_bucket_name(self, "Existing", settings.existing_bucket)
            if settings.existing_bucket
            else None,
            prefix=settings.prefix,
            reference_buckets=settings.reference_buckets,
            work_expires=Duration.days(work_days) if work_days else None,
            log_retention=_RETENTION[settings.log_retention_days],
            key=self.key,
            removal_policy=removal,
        )
        CfnOutput(self, "Bucket", value=self.storage.bucket.bucket_name)
        CfnOutput(
            self,
            "LogGroup",
            value=self.storage.log_group.log_group_name,
            description="What heads, tasks and workers print",
        )
        CfnOutput(
            self,
            "LogsFolder",
            value=self.storage.logs_uri,
            description="Logs and reports of each run, in run-JOBID/",
        )

    def _make_key(self, removal: RemovalPolicy) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Bucket, logs and volumes of Nextflow on AWS Batch",
            enable_key_rotation=True,
            removal_policy=removal,
        )
        self._let_logs_use(key)
        self._let_auto_scaling_use(key)
        return key

    def _let_logs_use(self, key: kms.Key) -> None:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        groups = self.format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=_COLON
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Describe*", *_USE],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _let_auto_scaling_use(self, key: kms.Key) -> None:
        # Batch's instances come from Auto Scaling; without this they die at launch.
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        role = (
            f"arn:{self.partition}:iam::{self.account}:role/aws-service-role/"
            "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        )
        # As a condition: KMS refuses a principal that does not exist, and this role is made when
        # the account first uses Auto Scaling.
        caller = {"aws:PrincipalArn": role, "aws:PrincipalAccount": self.account}
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["kms:DescribeKey", *_USE],
                resources=["*"],
                conditions={"StringEquals": caller},
            )
        )
        key.add_to_resource_policy(
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


_COLON = ArnFormat.COLON_RESOURCE_NAME
_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
}
