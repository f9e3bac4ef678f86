"""The bucket of work, logs and results, and the log group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch import bucket_statements
from nextflow_batch import log_retention as retention
from nextflow_batch.acknowledgements import CUSTOMER_KEY, acknowledge, acknowledge_log_group
from nextflow_batch.arguments import check, refuse
from nextflow_batch.data_bucket import DataBucket
from nextflow_batch.folders import Folders
from nextflow_batch.further_buckets import (
    ReferenceBuckets,
    ResultsBuckets,
    reference_conflicts,
    results_conflicts,
)
from nextflow_batch.names import BucketName, Prefix
from nextflow_batch.problem import Problem, quote
from nextflow_batch.results_access import ResultsAccess
from nextflow_batch.storage_access import HeadStorageAccess, TaskStorageAccess, WorkerLogAccess
from nextflow_batch.store_dirs import StoreDirs, store_conflicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Storage(Construct):
    """A bucket, made or existing, with Nextflow's two prefixes and a log group.

    Attributes:
        bucket: The bucket.
        folders: Where its objects are.
        log_group: Where head, tasks and workers log.
        logs_uri: `s3://` address of what runs leave behind (NF_LOGSDIR).
        runs_uri: `s3://` address of the work directories (NF_WORKDIR).
        store_uris: `s3://` addresses of what else tasks may write (NF_STORE_DIRS).
        uploads_uri: `s3://` address of what users launch: projects, parameters, configuration.
        key: The customer key that encrypts them, if there is one.
        written_buckets: ARNs of the buckets that runs write to.
        read_buckets: ARNs of those that they only read.
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
        results_buckets: Sequence[str] = (),
        store_dirs: Sequence[str] = (),
        work_expires: Duration | None = None,
        noncurrent_expires: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """Make or adopt the bucket.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            bucket_name: Name of the new bucket; generated when not given.
            existing_bucket: Use this bucket and make none. All of it may be read; heads write
                below the prefix only.
            prefix: Below which logs and runs lie, without slashes at its ends.
            reference_buckets: Names of further buckets that may be read.
            results_buckets: Names of further buckets that heads may publish to; tasks may not.
            store_dirs: Prefixes in the bucket, besides work directories, that tasks may write.
            work_expires: Age at which work files and task caches are deleted; resuming an older
                run is then no longer possible.
            noncurrent_expires: How long a new bucket keeps what was overwritten or deleted, but
                work files; 30 days when not given.
            log_retention: How long log events are kept, and the log of accesses to the bucket,
                which is kept for a year at least.
            key: Encrypts bucket and logs; S3's and CloudWatch's own keys when not given.
            removal_policy: What `cdk destroy` does with the bucket and the log group.

        Raises:
            ArgumentsError: A name is not allowed, or two arguments exclude each other.
        """
        check(
            "Storage",
            bucket_name=(BucketName | None, bucket_name),
            existing_bucket=(InstanceOf[s3.BucketBase] | None, existing_bucket),
            prefix=(Prefix, prefix),
            reference_buckets=(ReferenceBuckets, _listed(reference_buckets)),
            results_buckets=(ResultsBuckets, _listed(results_buckets)),
            store_dirs=(StoreDirs, _listed(store_dirs)),
            work_expires=(InstanceOf[Duration] | None, work_expires),
            noncurrent_expires=(InstanceOf[Duration] | None, noncurrent_expires),
        )
        refuse(
            "Storage", _conflicts(bucket_name, existing_bucket, work_expires, noncurrent_expires)
        )
        refuse("Storage", reference_conflicts(bucket_name, reference_buckets))
        refuse("Storage", results_conflicts(bucket_name, results_buckets))
        refuse("Storage", store_conflicts(prefix, store_dirs))
        super().__init__(scope, construct_id)
        self.folders = folders = Folders(prefix)
        self.key = key
        self._removal_policy = removal_policy
        self._access_log_days = max(365, retention.days(log_retention) or 3653)
        self.bucket = existing_bucket or DataBucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            folders=folders,
            work_expires=work_expires,
            noncurrent_expires=noncurrent_expires or Duration.days(30),
            key=key,
            access_logs=self._make_access_logs(),
            removal_policy=removal_policy,
        )
        self.written_buckets = [
            self.bucket.bucket_arn,
            *bucket_statements.arns(scope, results_buckets),
        ]
        self.read_buckets = bucket_statements.arns(scope, reference_buckets)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=log_retention,
            encryption_key=key,
            removal_policy=removal_policy,
        )
        self.logs_uri = self.bucket.s3_url_for_object(folders.logs)
        self.runs_uri = self.bucket.s3_url_for_object(folders.runs)
        self.uploads_uri = self.bucket.s3_url_for_object(folders.uploads)
        self.store_uris = [self.bucket.s3_url_for_object(name) for name in store_dirs]
        stored = [f"{name}/*" for name in store_dirs]
        self._head_access = HeadStorageAccess(
            self,
            "HeadAccess",
            bucket=self.bucket,
            key=key,
            reference_buckets=reference_buckets,
            # Of an existing bucket, what is not the deployment's belongs to others.
            published=[f"{prefix}/*"] if existing_bucket else ["*"],
            stored=stored if existing_bucket else [],
            log_group=self.log_group,
        )
        self._task_access = TaskStorageAccess(
            self,
            "TaskAccess",
            bucket=self.bucket,
            key=key,
            reference_buckets=reference_buckets,
            work_files=folders.work_files,
            stored=stored,
        )
        self._results_access = (
            ResultsAccess(self, "ResultsAccess", buckets=results_buckets)
            if results_buckets
            else None
        )
        self._worker_access = WorkerLogAccess(self, "WorkerAccess", log_group=self.log_group)
        self._acknowledge(is_new=existing_bucket is None)

    def _make_access_logs(self) -> s3.Bucket:
        is_deleted = self._removal_policy is RemovalPolicy.DESTROY
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
            # A failed first deploy does not delete it either, as S3 may have written there.
            removal_policy=RemovalPolicy.DESTROY if is_deleted else RemovalPolicy.RETAIN,
            auto_delete_objects=is_deleted,
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
        if is_new and self._removal_policy is RemovalPolicy.DESTROY:
            reason = "the CDK's own function; it runs once, when the stack is destroyed"
            acknowledge(
                Stack.of(self).node.find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider"),
                dict.fromkeys(("CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117", "W3005"), reason),
            )

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
        """Let a role use the bucket, publish results, and read the tasks' log."""
        role.add_managed_policy(self._head_access)
        if self._results_access:
            role.add_managed_policy(self._results_access)

    def grant_task(self, role: iam.IRole) -> None:
        """Let a role read the bucket and the reference buckets, and write work directories."""
        role.add_managed_policy(self._task_access)

    def grant_worker(self, role: iam.IRole) -> None:
        """Let a role write the log of a worker."""
        role.add_managed_policy(self._worker_access)


_NO_COPY = "a copy in another region doubles the cost; whoever needs one adds a replication rule"


def _listed(names: Sequence[str]) -> object:
    return list(names) if isinstance(names, (list, tuple)) else names


def _conflicts(
    name: str | None,
    existing: s3.IBucket | None,
    work_expires: Duration | None,
    noncurrent_expires: Duration | None,
) -> Iterator[Problem]:
    if existing and name:
        text = f"{quote(name)} is not allowed together with existing_bucket"
        yield Problem(("bucket_name",), text)
    expiries = {"work_expires": work_expires, "noncurrent_expires": noncurrent_expires}
    for argument, expiry in expiries.items():
        if existing and expiry:
            text = (
                "applies to a new bucket only: set the lifecycle of existing_bucket where that"
                " bucket is created"
            )
            yield Problem((argument,), text)
