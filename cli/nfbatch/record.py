"""run.json, which the head writes: the progress of a run (docs/head.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.s3_uri import S3Uri

#: The format that this program reads.
_FORMAT = 1


def read(aws: Aws, logs: S3Uri) -> dict[str, Any] | None:
    """The content of a run's run.json.

    Args:
        aws: The account and region.
        logs: Where the run's logs are.

    Returns:
        None if the head has not written it yet, or writes another format.
    """
    text = content(aws, logs / "run.json")
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    is_known = isinstance(found, dict) and found.get("format") == _FORMAT
    return found if is_known else None


def content(aws: Aws, uri: S3Uri, last_bytes: int | None = None) -> bytes | None:
    """What an object contains; None if there is none.

    Args:
        aws: The account and region.
        uri: Its address.
        last_bytes: Read only so much of its end.
    """
    s3 = aws.client("s3")
    part = {"Range": f"bytes=-{last_bytes}"} if last_bytes else {}
    try:
        answer = s3.get_object(Bucket=uri.bucket, Key=uri.key, **part)
    except s3.exceptions.NoSuchKey:
        return None
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":  # an empty object has no end
            return b""
        raise
    body: bytes = answer["Body"].read()
    return body
