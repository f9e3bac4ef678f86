"""The buckets that a run works in."""

from __future__ import annotations

from nextflow_head.aws import Client, aws_errors
from nextflow_head.environment import Environment
from nextflow_head.input_error import InputError


def check(environment: Environment, s3: Client) -> None:
    """Checks that the buckets of work and logs exist, in this region, and may be listed.

    Raises:
        InputError: One of them does not.
    """
    uris = {"NF_WORKDIR": environment.work, "NF_LOGSDIR": environment.logs}
    if environment.work.bucket == environment.logs.bucket:
        del uris["NF_LOGSDIR"]
    for variable, uri in uris.items():
        with aws_errors(f"{variable}={uri} cannot be used", f"arn:aws:s3:::{uri.bucket}"):
            found = region(uri.bucket, s3)
        if found is None:
            raise InputError(
                f"{variable}={uri} is not allowed: the bucket {uri.bucket} does not exist"
            )
        if found != environment.region:
            raise InputError(
                f"{variable}={uri} is not allowed: its bucket is in {found}, and the queue is in"
                f" {environment.region}; both must be in the same region"
            )


def region(bucket: str, s3: Client) -> str | None:
    """A bucket's region, or None where there is no such bucket.

    Raises:
        ClientError: S3 does not say.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            return None
        raise
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])
