"""What head, tasks and workers may do with bucket and logs: three managed policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Arn, ArnComponents, ArnFormat, Stack
from aws_cdk import aws_iam as iam

from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3
    from constructs import Construct


class BucketAccess(iam.ManagedPolicy):
    """Read and write a deployment's bucket, and read its reference buckets."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        bucket: s3.IBucket,
        key: kms.IKey | None,
        reference_buckets: Sequence[str],
        further: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            description: For whom.
            bucket: The bucket.
            key: Its customer key, if there is one.
            reference_buckets: Names of the buckets to read.
            further: Statements besides.
        """
        references = [bucket_arn(scope, name) for name in reference_buckets]
        super().__init__(
            scope,
            construct_id,
            description=description,
            statements=[
                *_object_statements(bucket, key),
                *_reference_statements(references),
                *further,
            ],
        )
        justify(
            self,
            {
                bucket.arn_for_objects("*"): "pipelines name their objects themselves",
                **{
                    f"{arn}/*": "read-only, of a bucket that the settings name"
                    for arn in references
                },
            },
        )


class HeadStorageAccess(BucketAccess):
    """What the head may do with the data: also overwrite results and quote tasks' logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey | None,
        reference_buckets: Sequence[str],
        log_group: logs.ILogGroup,
    ) -> None:
        """Write the policy; the arguments are `BucketAccess`'s, and the log group of the tasks."""
        streams = _stream_arn(scope, log_group, "nf-*")
        super().__init__(
            scope,
            construct_id,
            description="The head's access to the bucket and to the tasks' log",
            bucket=bucket,
            key=key,
            reference_buckets=reference_buckets,
            further=[
                iam.PolicyStatement(
                    sid="OverwriteResults",
                    # Replacing what a pipeline published deletes it first; tasks never delete.
                    actions=["s3:DeleteObject"],
                    resources=[bucket.arn_for_objects("*")],
                ),
                iam.PolicyStatement(
                    sid="QuoteTaskLogs", actions=["logs:GetLogEvents"], resources=[streams]
                ),
            ],
        )
        justify(self, {streams: "tasks log to streams named after their nf-... definitions"})


class WorkerLogAccess(iam.ManagedPolicy):
    """What an instance itself may do: write its own log."""

    def __init__(self, scope: Construct, construct_id: str, *, log_group: logs.ILogGroup) -> None:
        """Write the policy."""
        streams = _stream_arn(scope, log_group, "worker/*")
        super().__init__(
            scope,
            construct_id,
            description="A worker's own log",
            statements=[
                iam.PolicyStatement(
                    sid="WriteLog",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[streams],
                )
            ],
        )
        justify(self, {streams: "a worker's stream is named after its instance"})


def _object_statements(bucket: s3.IBucket, key: kms.IKey | None) -> Iterator[iam.PolicyStatement]:
    yield iam.PolicyStatement(
        sid="ListBucket",
        actions=["s3:GetBucketLocation", "s3:ListBucket"],
        resources=[bucket.bucket_arn],
    )
    yield iam.PolicyStatement(
        sid="ReadAndWriteObjects",
        # What Nextflow's S3 client and the tasks' shell library call; the tagging is for
        # `publishDir` with tags.
        actions=[
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:PutObject",
            "s3:PutObjectTagging",
        ],
        resources=[bucket.arn_for_objects("*")],
    )
    if key:
        yield iam.PolicyStatement(
            sid="UseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
        )


def _reference_statements(arns: list[str]) -> list[iam.PolicyStatement]:
    if not arns:
        return []
    return [
        iam.PolicyStatement(
            sid="ListReferenceBuckets",
            actions=["s3:GetBucketLocation", "s3:ListBucket"],
            resources=arns,
        ),
        iam.PolicyStatement(
            sid="ReadReferences",
            actions=["s3:GetObject"],
            resources=[f"{arn}/*" for arn in arns],
        ),
    ]


def _stream_arn(scope: Construct, log_group: logs.ILogGroup, stream: str) -> str:
    # The group's own ARN ends in `:*`; with a stream behind it, it would match none.
    return Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{stream}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def bucket_arn(scope: Construct, name: str) -> str:
    """The ARN of a bucket by its name."""
    return Arn.format(
        ArnComponents(service="s3", region="", account="", resource=name), Stack.of(scope)
    )
