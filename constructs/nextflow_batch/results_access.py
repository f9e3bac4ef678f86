"""What heads may do with the buckets of results: one managed policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from nextflow_batch import bucket_statements
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct


class ResultsAccess(iam.ManagedPolicy):
    """Publish to further buckets, and overwrite what was published there."""

    def __init__(self, scope: Construct, construct_id: str, *, buckets: Sequence[str]) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            buckets: Their names.
        """
        arns = bucket_statements.arns(scope, buckets)
        objects = [f"{arn}/*" for arn in arns]
        super().__init__(
            scope,
            construct_id,
            description="The head's access to further buckets of results",
            statements=[
                iam.PolicyStatement(
                    sid="ListResultsBuckets", actions=["s3:ListBucket"], resources=arns
                ),
                iam.PolicyStatement(sid="ReadResults", actions=["s3:GetObject"], resources=objects),
                *bucket_statements.publishing(objects),
            ],
        )
        justify(self, dict.fromkeys(objects, "heads publish to a bucket that the settings name"))
