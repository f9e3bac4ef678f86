"""The bucket of work, logs and results, and the log group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch import log_retention as retention
from nextflow_batch.acknowledgements import CUSTOMER_KEY, acknowledge, acknowledge_log_group
from nextflow_batch.arguments import check, refuse
from nextflow_batch.bucket_encryption import other_encryption
from nextflow_batch.names import BucketName, Prefix
from nextflow_batch.problem import Problem, quote
from nextflow_batch.reference_buckets import ReferenceBuckets, reference_conflicts
from nextflow_batch.storage_access import BucketAccess, HeadStorageAccess, WorkerLogAccess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Storage(Construct):
    """A bucket, made or existing, with Nextflow's two prefixes and a log group.

    Attributes:
        bucket: The bucket.
        log_group: Where head, tasks and workers log.
        logs_uri: `s3://` address of what runs leave behind (NF_LOGSDIR).
        runs_uri: `s3://` address of the work directories (NF_WORKDIR).
        key: The customer key that encrypts them, if there is one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket_name: str | None = None,
        existing_bucket: s3.IBucket | None = None,
        prefix: str = "_nextflow",
        reference_buckets: Sequence[str] = (),
        work_expires: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make or adopt the bucket.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            bucket_name: Name of the new bucket; generated when not given.
            existing_bucket: Use this bucket and make none.
            prefix: Below which logs and runs lie, without slashes at its ends.
            reference_buckets: Names of further buckets that may be read.
            work_expires: Age at which files below the runs' prefix are deleted; resuming an older
                run is then no longer possible.
            log_retention: How long log events are kept, and the log of accesses to the bucket,
                which is kept for a year at least.
            key: Encrypts bucket and logs; S3's and CloudWatch's own keys when not given.
            removal_policy: What `cdk destroy` does with the bucket and the log group.

        Raises:
            ArgumentsError: A name is not allowed, or two arguments exclude each other.
        """
        names = list(reference_buckets) if _is_sequence(reference_buckets) else reference_buckets
        check(
            "Storage",
            bucket_name=(BucketName | None, bucket_name),
            existing_bucket=(InstanceOf[s3.BucketBase] | None, existing_bucket),
            prefix=(Prefix, prefix),
            reference_buckets=(ReferenceBuckets, names),
            work_expires=(InstanceOf[Duration] | None, work_expires),
        )
        refuse("Storage", _conflicts(bucket_name, existing_bucket, work_expires))
        refuse("Storage", reference_conflicts(bucket_name, reference_buckets))
        super().__init__(scope, construct_id)
        self.key = key
        self._prefix = prefix
        self._removal_policy = removal_policy
        self._access_log_days = max(365, retention.days(log_retention) or 3653)
        self.bucket = existing_bucket or self._make_bucket(bucket_name, work_expires)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=log_retention,
            encryption_key=key,
            removal_policy=removal_policy,
        )
        self.logs_uri = self.bucket.s3_url_for_object(f"{prefix}/logs")
        self.runs_uri = self.bucket.s3_url_for_object(f"{prefix}/runs")
        self._head_access = HeadStorageAccess(
            self,
            "HeadAccess",
            bucket=self.bucket,
            key=key,
            reference_buckets=reference_buckets,
            log_group=self.log_group,
        )
        self._task_access = BucketAccess(
            self,
            "TaskAccess",
            description="The tasks' access to the bucket",
            bucket=self.bucket,
            key=key,
            reference_buckets=reference_buckets,
        )
        self._worker_access = WorkerLogAccess(self, "WorkerAccess", log_group=self.log_group)
        self._acknowledge(is_new=existing_bucket is None)

    def _make_bucket(self, name: str | None, work_expires: Duration | None) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self._make_access_logs(),
            removal_policy=self._removal_policy,
            auto_delete_objects=self._removal_policy is RemovalPolicy.DESTROY,
        )
        bucket.add_lifecycle_rule(
            id="AbandonedUploads", abort_incomplete_multipart_upload_after=Duration.days(7)
        )
        if work_expires:
            bucket.add_lifecycle_rule(
                id="WorkFiles", prefix=f"{self._prefix}/runs/", expiration=work_expires
            )
        if self.key:
            for statement in other_encryption(bucket, self.key):
                bucket.add_to_resource_policy(statement)
        return bucket

    def _make_access_logs(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            # The log delivery service can encrypt with no customer key.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            lifecycle_rules=[
                s3.LifecycleRule(id="OldLogs", expiration=Duration.days(self._access_log_days))
            ],
            removal_policy=self._removal_policy,
            auto_delete_objects=self._removal_policy is RemovalPolicy.DESTROY,
        )
        written_once = "S3 alone writes here, each object once and under a new name"
        acknowledge(
            bucket,
            {
                "CKV_AWS_18": "logging its own log's writes never ends",
                "S3BucketVersioningEnabled": written_once,
                "CKV_AWS_21": written_once,
                "S3BucketReplicationEnabled": _NO_COPY,
                "S3DefaultEncryptionKMS": "S3's log delivery cannot encrypt with a customer key",
            },
        )
        return bucket

    def _acknowledge(self, *, is_new: bool) -> None:
        if is_new:
            acknowledge(self.bucket, {"S3BucketReplicationEnabled": _NO_COPY})
        if is_new and not self.key:
            reason = f"S3 encrypts with its own keys; {CUSTOMER_KEY}"
            acknowledge(self.bucket, {"S3DefaultEncryptionKMS": reason})
        if not self.key:
            acknowledge_log_group(self.log_group)

    def add_outputs(self, scope: Construct) -> None:
        """Show where data and logs are as outputs of a stack."""
        CfnOutput(
            scope,
            "Bucket",
            value=self.bucket.bucket_name,
            description="Work files, logs and results",
        )
        CfnOutput(
            scope,
            "LogGroup",
            value=self.log_group.log_group_name,
            description="What heads, tasks and workers print",
        )
        CfnOutput(
            scope,
            "LogsFolder",
            value=self.logs_uri,
            description="Logs and reports of each run, in run-JOBID/",
        )

    def grant_head(self, role: iam.IRole) -> None:
        """Let a role use the bucket, overwrite results in it, and read the tasks' log."""
        role.add_managed_policy(self._head_access)

    def grant_task(self, role: iam.IRole) -> None:
        """Let a role read and write the bucket, and read the reference buckets."""
        role.add_managed_policy(self._task_access)

    def grant_worker(self, role: iam.IRole) -> None:
        """Let a role write the log of a worker."""
        role.add_managed_policy(self._worker_access)


_NO_COPY = "a copy in another region doubles the cost; whoever needs one adds a replication rule"


def _is_sequence(names: object) -> bool:
    return isinstance(names, (list, tuple))


def _conflicts(
    name: str | None, existing: s3.IBucket | None, work_expires: Duration | None
) -> Iterator[Problem]:
    if existing and name:
        text = f"{quote(name)} is not allowed together with existing_bucket"
        yield Problem(("bucket_name",), text)
    if existing and work_expires:
        text = (
            "applies to a new bucket only: set the lifecycle of existing_bucket where that bucket"
            " is created"
        )
        yield Problem(("work_expires",), text)
