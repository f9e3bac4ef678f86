"""The data stack: what outlives everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from nextflow_batch import EncryptionKey, Storage

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
        self.key = None
        if settings.customer_key:
            self.key = EncryptionKey(self, "Key", removal_policy=removal)
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
            log_retention=_RETENTION[settings.log_retention_days],
            key=self.key,
            removal_policy=removal,
        )
        self.storage.add_outputs(self)


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
