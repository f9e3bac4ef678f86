"""The bucket of work, logs and results, and what else may be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.further_buckets import (
    MOST_REFERENCE_BUCKETS,
    MOST_RESULTS_BUCKETS,
    reference_conflicts,
    results_conflicts,
)
from nextflow_batch.names import BucketName, Prefix
from nextflow_batch.problem import Problem, quote
from nextflow_batch.store_dirs import MOST_STORE_DIRS, store_conflicts
from stacks.settings.arn import misplaced
from stacks.settings.customer_key import CustomerKey

if TYPE_CHECKING:
    from collections.abc import Iterator


class Storage(Arguments):
    """The bucket for work files, logs and results, and other buckets to read from."""

    bucket: BucketName | None = Field(
        None, description="Name of the new bucket; unset: CloudFormation generates one"
    )
    existing_bucket: BucketName | None = Field(
        None, description="Use this bucket instead of a new one"
    )
    prefix: Prefix = Field("_nextflow", description="Prefix of all logs and runs in the bucket")
    reference_buckets: Annotated[tuple[BucketName, ...], Field(strict=False)] = Field(
        (),
        max_length=MOST_REFERENCE_BUCKETS,
        description="Public or shared buckets that the head and tasks may read",
    )
    results_buckets: Annotated[tuple[BucketName, ...], Field(strict=False)] = Field(
        (),
        max_length=MOST_RESULTS_BUCKETS,
        description="Further buckets to which pipelines may publish results; their tasks may not"
        " write there",
    )
    store_dirs: Annotated[tuple[Prefix, ...], Field(strict=False)] = Field(
        (),
        max_length=MOST_STORE_DIRS,
        description="Prefixes in the bucket that tasks may write besides their work directories,"
        " for `storeDir`",
    )
    work_expires_days: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="Days after which work files and task caches are deleted; unset: never",
    )
    noncurrent_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days for which the new bucket keeps what was overwritten or deleted; work"
        " files: 1 day",
    )
    log_retention_days: Literal[
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653
    ] = Field(
        90,
        description="Days for which CloudWatch Logs keeps the logs of jobs, workers and network;"
        " access logs are kept as long, at least 365 days",
    )  # fmt: skip
    customer_key: CustomerKey = Field(
        False,
        description="Encrypt with a new customer managed KMS key, or with the existing key of this"
        " ARN, which must be in the same region and account and allow what"
        " docs/customer-key.md lists",
    )
    delete_with_stack: bool = Field(
        False,
        description="With `delete_data_for_good`: `cdk destroy` empties and deletes the bucket",
    )
    delete_data_for_good: bool = Field(
        False, description="See `delete_with_stack`; set both or neither"
    )

    def conflicts(self) -> Iterator[Problem]:
        """Settings that exclude each other, and buckets that are named twice."""
        if self.bucket and self.existing_bucket:
            text = (
                f"{quote(self.existing_bucket)} is not allowed together with bucket: set only one"
                " of them"
            )
            yield Problem(("existing_bucket",), text)
        if self.existing_bucket:
            for key in sorted({"work_expires_days", "noncurrent_days"} & self.model_fields_set):
                if getattr(self, key) is not None:
                    yield Problem(
                        (key,),
                        "applies to a new bucket only: set the lifecycle of existing_bucket where"
                        " that bucket is created",
                    )
        if self.delete_with_stack != self.delete_data_for_good:
            key = "delete_data_for_good" if self.delete_with_stack else "delete_with_stack"
            other = "delete_with_stack" if self.delete_with_stack else "delete_data_for_good"
            text = (
                f"false is not allowed: must be true if {other} is true: a destroy deletes data"
                " only if both are true"
            )
            yield Problem((key,), text)
        own = self.bucket or self.existing_bucket
        yield from reference_conflicts(own, self.reference_buckets)
        yield from results_conflicts(own, self.results_buckets)
        yield from store_conflicts(self.prefix, self.store_dirs)

    def key_conflicts(self, region: str, account: str | None) -> Iterator[Problem]:
        """A key that the deployment could not use.

        Args:
            region: Where the data is.
            account: In which account, if that is known.

        Yields:
            The problem, below the storage.
        """
        if isinstance(self.customer_key, str) and (
            text := misplaced(self.customer_key, region, account)
        ):
            yield Problem(("customer_key",), text)
