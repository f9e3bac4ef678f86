"""What head, tasks and workers may do with bucket and logs: three managed policies.

docs/adr/0019-what-a-task-cannot-write.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from nextflow_batch import bucket_statements
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

_OWN_INPUTS = "read only: inputs may be anywhere in the deployment's own bucket"


class TaskStorageAccess(iam.ManagedPolicy):
    """What a task may do with the data: read inputs, and write work directories."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey | None,
        reference_buckets: Sequence[str],
        work_files: str,
        stored: Sequence[str],
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            bucket: The bucket.
            key: Its customer key, if there is one.
            reference_buckets: Names of the buckets to read.
            work_files: The objects of work directories.
            stored: Further objects that tasks may write.
        """
        written = [bucket.arn_for_objects(objects) for objects in (work_files, *stored)]
        references = bucket_statements.arns(scope, reference_buckets)
        super().__init__(
            scope,
            construct_id,
            description="The tasks' access to the bucket",
            statements=[
                *bucket_statements.reading(bucket),
                iam.PolicyStatement(
                    sid="WriteWorkFiles",
                    actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                    resources=written,
                ),
                *bucket_statements.key(key),
                *bucket_statements.references(references),
                bucket_statements.refuse_plain_http(),
            ],
        )
        justify(
            self,
            {
                bucket.arn_for_objects("*"): _OWN_INPUTS,
                **dict.fromkeys(written, "each task has a folder of its own, named by its hash"),
                **bucket_statements.reference_reasons(references),
            },
        )


class HeadStorageAccess(iam.ManagedPolicy):
    """What the head may do with the data: all that runs need, results and tasks' logs included."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey | None,
        reference_buckets: Sequence[str],
        published: Sequence[str],
        stored: Sequence[str],
        log_group: logs.ILogGroup,
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            bucket: The bucket.
            key: Its customer key, if there is one.
            reference_buckets: Names of the buckets to read.
            published: The objects that heads may write, overwrite and delete.
            stored: The objects of `storeDir` folders.
            log_group: Where tasks log.
        """
        streams = _stream_arn(scope, log_group, "nf-*")
        results = [bucket.arn_for_objects(objects) for objects in published]
        stores = [bucket.arn_for_objects(objects) for objects in stored]
        references = bucket_statements.arns(scope, reference_buckets)
        super().__init__(
            scope,
            construct_id,
            description="The head's access to the bucket and to the tasks' log",
            statements=[
                *bucket_statements.reading(bucket),
                *bucket_statements.publishing(results, further=stores),
                *bucket_statements.key(key),
                *bucket_statements.references(references),
                iam.PolicyStatement(
                    sid="QuoteTaskLogs", actions=["logs:GetLogEvents"], resources=[streams]
                ),
                bucket_statements.refuse_plain_http(),
            ],
        )
        justify(
            self,
            {
                bucket.arn_for_objects("*"): _OWN_INPUTS,
                **dict.fromkeys(
                    [*results, *stores],
                    "pipelines name their results; the bucket keeps what is overwritten",
                ),
                **bucket_statements.reference_reasons(references),
                streams: "tasks log to streams named after their nf-... definitions",
            },
        )


class WorkerLogAccess(iam.ManagedPolicy):
    """What an instance itself may do: write its own log and, for Docker, those of tasks."""

    def __init__(self, scope: Construct, construct_id: str, *, log_group: logs.ILogGroup) -> None:
        """Write the policy."""
        own = _stream_arn(scope, log_group, "worker/*")
        tasks = _stream_arn(scope, log_group, "nf-*")
        super().__init__(
            scope,
            construct_id,
            description="A worker's own log",
            statements=[
                iam.PolicyStatement(
                    sid="WriteLog",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[own, tasks],
                )
            ],
        )
        justify(
            self,
            {
                own: "a worker's stream is named after its instance",
                tasks: "tasks log to streams named after their nf-... definitions",
            },
        )


def _stream_arn(scope: Construct, log_group: logs.ILogGroup, stream: str) -> str:
    # The group's own ARN ends in `:*`; with a stream behind it, it would match none.
    return Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{stream}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
