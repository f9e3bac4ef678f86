"""The data stack: what outlives everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from nextflow_batch import EncryptionKey, Storage
from nextflow_batch.log_retention import LOG_RETENTION

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.settings import Storage as StorageSettings


class DataStack(Stack):
    """Bucket, log group and, on demand, the key that encrypts them.

    Attributes:
        key: The customer key, when the settings ask for one.
        log_retention: How long logs are kept.
        removal_policy: What `cdk destroy` does with data and logs.
        storage: Bucket and logs.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StorageSettings, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, description="Nextflow on AWS Batch: data", **kwargs)
        removal = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        if settings.delete_with_stack and settings.delete_data_for_good:
            removal = RemovalPolicy.DESTROY
        self.removal_policy = removal
        self.log_retention = LOG_RETENTION[settings.log_retention_days]
        self.key = self._find_key(settings.customer_key)
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
            results_buckets=settings.results_buckets,
            store_dirs=settings.store_dirs,
            work_expires=Duration.days(work_days) if work_days else None,
            noncurrent_expires=None
            if settings.existing_bucket
            else Duration.days(settings.noncurrent_days),
            log_retention=self.log_retention,
            key=self.key,
            removal_policy=removal,
        )
        self.storage.add_outputs(self)

    def _find_key(self, customer_key: bool | str) -> kms.IKey | None:
        if isinstance(customer_key, str):
            return kms.Key.from_key_arn(self, "ExistingKey", customer_key)
        if not customer_key:
            return None
        return EncryptionKey(self, "Key", removal_policy=self.removal_policy)
