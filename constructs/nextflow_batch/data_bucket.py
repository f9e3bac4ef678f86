"""A new bucket for work files, logs and results: versioned, encrypted, private."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3

from nextflow_batch.bucket_encryption import other_encryption

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from nextflow_batch.folders import Folders

#: A work file's earlier version is of use only to who has just lost it by mistake.
_NONCURRENT_WORK_FILES = Duration.days(1)


class DataBucket(s3.Bucket):
    """What is overwritten or deleted in it stays as a noncurrent version for a time.

    No role of the deployment may delete versions (s3:DeleteObjectVersion).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket_name: str | None,
        folders: Folders,
        work_expires: Duration | None,
        noncurrent_expires: Duration,
        key: kms.IKey | None,
        access_logs: s3.IBucket,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Make it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            bucket_name: Its name; generated when not given.
            folders: Where runs and logs lie in it.
            work_expires: Age at which work files and task caches are deleted; never when not given.
            noncurrent_expires: How long earlier versions are kept, but those of work files.
            key: Encrypts it; S3's own key when not given.
            access_logs: Where S3 logs each access.
            removal_policy: What `cdk destroy` does with it.
        """
        super().__init__(
            scope,
            construct_id,
            bucket_name=bucket_name,
            versioned=True,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            removal_policy=removal_policy,
            auto_delete_objects=removal_policy is RemovalPolicy.DESTROY,
        )
        self.add_lifecycle_rule(
            id="AbandonedUploads", abort_incomplete_multipart_upload_after=Duration.days(7)
        )
        self.add_lifecycle_rule(
            id="EarlierVersions",
            noncurrent_version_expiration=noncurrent_expires,
            # What is left of a deleted object when its last version has expired.
            expired_object_delete_marker=True,
        )
        # Where two rules meet, S3 follows the shorter one:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-conflicts.html
        self.add_lifecycle_rule(
            id="WorkFiles",
            prefix=f"{folders.runs}/",
            expiration=work_expires,
            noncurrent_version_expiration=_NONCURRENT_WORK_FILES,
        )
        self.add_lifecycle_rule(
            id="Sessions",
            prefix=f"{folders.sessions}/",
            expiration=work_expires,
            noncurrent_version_expiration=_NONCURRENT_WORK_FILES,
        )
        for statement in other_encryption(self, key) if key else ():
            self.add_to_resource_policy(statement)
