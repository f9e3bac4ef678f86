"""A bucket of the local AWS, and the variables of a head whose run uses it."""

from __future__ import annotations

from typing import Any

from nextflow_head.environment import Environment
from tests.support.batch import REGION, Testbed


def make_bucket(testbed: Testbed) -> Any:
    """Make a bucket and return an S3 client with its name as `name`."""
    client = testbed.client("s3")
    client.create_bucket(
        Bucket=(name := testbed.unique("run")),
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    client.name = name
    return client


def environment(bucket: str, job_id: str = "a", **changes: str) -> Environment:
    """Read the variables of a head whose run uses a bucket."""
    return Environment.read(
        {
            "AWS_BATCH_JOB_ID": job_id,
            "AWS_REGION": REGION,
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": f"s3://{bucket}/runs",
            "NF_LOGSDIR": f"s3://{bucket}/logs",
            **changes,
        }
    )
