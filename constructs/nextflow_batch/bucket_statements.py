"""The statements on buckets that policies of heads and tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Arn, ArnComponents, Stack
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from constructs import Construct


def reading(bucket: s3.IBucket) -> Iterator[iam.PolicyStatement]:
    """List and read the deployment's bucket."""
    yield iam.PolicyStatement(
        sid="ListBucket",
        # Without it S3 answers 403 instead of 404 for an object that does not exist.
        actions=["s3:ListBucket"],
        resources=[bucket.bucket_arn],
    )
    yield iam.PolicyStatement(
        sid="ReadObjects",
        actions=["s3:GetObject"],
        resources=[bucket.arn_for_objects("*")],
    )


def publishing(
    results: Sequence[str], *, further: Sequence[str] = ()
) -> Iterator[iam.PolicyStatement]:
    """Write objects, with tags, and overwrite them.

    Args:
        results: ARNs of the objects.
        further: Of objects that are written but not deleted.
    """
    yield iam.PolicyStatement(
        sid="WriteObjects",
        # The tagging is for `publishDir` with tags, and for copies of objects that have tags.
        actions=[
            "s3:AbortMultipartUpload",
            "s3:GetObjectTagging",
            "s3:PutObject",
            "s3:PutObjectTagging",
        ],
        resources=[*results, *further],
    )
    yield iam.PolicyStatement(
        sid="OverwriteResults",
        # Replacing what a pipeline published deletes it first. Nobody deletes versions
        # (s3:DeleteObjectVersion), and tasks delete nothing.
        actions=["s3:DeleteObject"],
        resources=list(results),
    )


def key(used: kms.IKey | None) -> Iterator[iam.PolicyStatement]:
    """Use the bucket's customer key."""
    if used:
        yield iam.PolicyStatement(
            sid="UseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[used.key_arn],
        )


def references(arns: Sequence[str]) -> Iterator[iam.PolicyStatement]:
    """List and read other buckets."""
    if arns:
        yield iam.PolicyStatement(
            sid="ListReferenceBuckets", actions=["s3:ListBucket"], resources=list(arns)
        )
        yield iam.PolicyStatement(
            sid="ReadReferences",
            actions=["s3:GetObject"],
            resources=[f"{arn}/*" for arn in arns],
        )


def reference_reasons(arns: Sequence[str]) -> dict[str, str]:
    """Why `references` has wildcards."""
    return {f"{arn}/*": "read-only, of a bucket that the settings name" for arn in arns}


def refuse_plain_http() -> iam.PolicyStatement:
    """Refuse S3 without TLS, also to buckets whose own policy does not."""
    return iam.PolicyStatement(
        sid="RefusePlainHttp",
        effect=iam.Effect.DENY,
        actions=["s3:*"],
        resources=["*"],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def arns(scope: Construct, names: Sequence[str]) -> list[str]:
    """The ARNs of buckets."""
    return [
        Arn.format(
            ArnComponents(service="s3", region="", account="", resource=name), Stack.of(scope)
        )
        for name in names
    ]
