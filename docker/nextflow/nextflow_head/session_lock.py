"""The lock of a session: one head at a time uses it, or their caches and tasks would mix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import Client, aws_errors
from nextflow_head.input_error import InputError

if TYPE_CHECKING:
    from nextflow_head.session import Session

_ENDED = {"SUCCEEDED", "FAILED"}


def take(session: Session, job_id: str, s3: Client, batch: Client) -> bool:
    """Takes the lock of the session for a job.

    S3's conditional writes decide between two that come at once:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Args:
        session: The session.
        job_id: The Batch job of this head.
        s3: The client.
        batch: The client.

    Returns:
        Whether a head had the lock before, which may have left tasks running.

    Raises:
        InputError: Another job's head has the lock, or it cannot be written.
    """
    problem = f"the session in {session.folder} cannot be locked"
    with aws_errors(problem, str(session.lock)):
        if _put(s3, session, job_id, IfNoneMatch="*"):
            return False
        answer = s3.get_object(Bucket=session.lock.bucket, Key=session.lock.key)
        holder = json.loads(answer["Body"].read())["job"]
        if holder == job_id:
            return True
        jobs = batch.describe_jobs(jobs=[holder])["jobs"]
        # Batch forgets jobs some days after their end.
        status = jobs[0]["status"] if jobs else "FAILED"
        if status in _ENDED and _put(s3, session, job_id, IfMatch=answer["ETag"]):
            return True
    raise InputError(
        f"{problem}: job {holder} uses it ({status}); wait until it ends, or terminate it"
    )


def _put(s3: Client, session: Session, job_id: str, **condition: Any) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        s3.put_object(
            Bucket=session.lock.bucket,
            Key=session.lock.key,
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
