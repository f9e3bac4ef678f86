"""Which job's head works in a session: one at a time, or their caches and tasks would mix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import Client, refusing
from nextflow_head.refusal import Refusal

if TYPE_CHECKING:
    from nextflow_head.environment import Environment
    from nextflow_head.session import Session

_ENDED = {"SUCCEEDED", "FAILED"}


def check(environment: Environment, s3: Client) -> None:
    """Checks that the buckets of work and logs are there, in this region, and may be listed.

    Raises:
        Refusal: One of them is not.
    """
    places = {"NF_WORKDIR": environment.work, "NF_LOGSDIR": environment.logs}
    if environment.work.bucket == environment.logs.bucket:
        del places["NF_LOGSDIR"]
    for variable, place in places.items():
        with refusing(f"{variable}={place} cannot be used", f"arn:aws:s3:::{place.bucket}"):
            region = _region(s3, place.bucket)
        if region is None:
            raise Refusal(f"{variable}={place} is refused: there is no bucket {place.bucket}")
        if region != environment.region:
            raise Refusal(
                f"{variable}={place} is refused: its bucket is in {region}, and the queue in"
                f" {environment.region}; it must be in the queue's region"
            )


def take(session: Session, job_id: str, s3: Client, batch: Client) -> bool:
    """Claims the session for a job.

    S3's conditional writes decide between two that come at once:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Args:
        session: The session.
        job_id: The Batch job of this head.
        s3: The client.
        batch: The client.

    Returns:
        Whether a head was here before, which may have left tasks running.

    Raises:
        Refusal: Another job's head works in it, or the claim cannot be written.
    """
    what = f"the session in {session.folder} cannot be claimed"
    with refusing(what, str(session.claim)):
        if _put(s3, session, job_id, IfNoneMatch="*"):
            return False
        answer = s3.get_object(Bucket=session.claim.bucket, Key=session.claim.key)
        holder = json.loads(answer["Body"].read())["job"]
        if holder == job_id:
            return True
        jobs = batch.describe_jobs(jobs=[holder])["jobs"]
        # Batch forgets jobs some days after their end.
        status = jobs[0]["status"] if jobs else "FAILED"
        if status in _ENDED and _put(s3, session, job_id, IfMatch=answer["ETag"]):
            return True
    raise Refusal(f"{what}: job {holder} works in it ({status}); wait for its end, or terminate it")


def _region(s3: Client, bucket: str) -> str | None:
    """The bucket's region, or None where there is no such bucket."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            return None
        raise
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])


def _put(s3: Client, session: Session, job_id: str, **condition: Any) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        s3.put_object(
            Bucket=session.claim.bucket,
            Key=session.claim.key,
            Body=json.dumps({"job": job_id}).encode(),
            ContentType="application/json",
            **condition,
        )
    except ClientError as error:
        # The second is for two writes at once: one of them has won.
        if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict"}:
            return False
        raise
    return True
