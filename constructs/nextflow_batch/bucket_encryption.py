"""Keeps a bucket's objects encrypted with the bucket's key, whatever a request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

#: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_ALGORITHM = "s3:x-amz-server-side-encryption"
_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_OWN_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"


def other_encryption(bucket: s3.IBucket, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Statements of a bucket policy that refuse to write what another key encrypts.

    A request without any of the headers passes: S3 encrypts its object as the bucket says. A
    condition that compares also holds where its header is missing, hence the `Null` beside it.

    Args:
        bucket: The bucket, whose default encryption uses the key.
        key: Its customer key.
    """
    conditions = {
        "RefuseOtherAlgorithm": {
            "StringNotEquals": {_ALGORITHM: "aws:kms"},
            "Null": {_ALGORITHM: "false"},
        },
        "RefuseOtherKey": {"StringNotEquals": {_KEY: key.key_arn}, "Null": {_KEY: "false"}},
        # S3 would use the account's own key, aws/s3.
        "RefuseKmsWithoutKey": {
            "StringEquals": {_ALGORITHM: "aws:kms"},
            "Null": {_KEY: "true"},
        },
        # The key is then in the requests only, and lost with whoever wrote them.
        "RefuseKeyOfRequest": {"Null": {_OWN_KEY: "false"}},
    }
    return [
        iam.PolicyStatement(
            sid=sid,
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects("*")],
            conditions=condition,
        )
        for sid, condition in conditions.items()
    ]
