"""Why Nextflow could not read or write an address in S3.

Nextflow calls an object that is missing, denied or in another region a missing file, and gives no
reason for a publishing folder that it could not make. The head asks S3 for the same thing and reads
the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from nextflow_head import buckets
from nextflow_head.aws import Client, Denial
from nextflow_head.environment import Environment
from nextflow_head.outcome import Outcome, State
from nextflow_head.s3_uri import S3Uri

_LONGEST_URI = 120
_NO_BUCKET = "NoSuchBucket"
_NO_KEY = "NoSuchKey"
_ARCHIVED = "InvalidObjectState"
# There is an object, and it is empty.
_EMPTY = "InvalidRange"
_REDIRECTED = range(300, 400)
_BROKEN = range(500, 600)


class Access(Enum):
    """What Nextflow failed to do with an address in S3."""

    READ = auto()
    WRITE = auto()


class S3Access:
    """Asks S3 why something could not be read or written.

    Args:
        environment: The head's variables.
        connect: Makes the S3 client, once there is something to ask.
    """

    def __init__(self, environment: Environment, connect: Callable[[], Client]) -> None:
        self._environment = environment
        self._connect = connect

    def problem(self, access: Access, text: str) -> Outcome | None:
        """What S3 says is wrong; None if it finds nothing wrong, or cannot say.

        Args:
            access: What failed.
            text: The address, as Nextflow names it.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - Aws.client

        try:
            uri = S3Uri.parse(text)
        except ValueError:
            return None
        if not uri.key:
            return None
        try:
            s3 = self._connect()
            (_read if access is Access.READ else _write)(uri, s3)
            return self._in_other_region(access, uri, _region(uri.bucket, s3))
        except ClientError as error:
            return self._answer(access, uri, error)
        except BotoCoreError as error:
            return _no_answer(uri, " ".join(str(error).split()))

    def _answer(self, access: Access, uri: S3Uri, error: Any) -> Outcome | None:
        if denial := Denial.of(error):
            return Outcome.of(State.NO_PERMISSION, self._denied(access, uri, denial))
        if line := _wrong(uri, error.response["Error"]):
            return Outcome.of(State.BAD_INPUT, line)
        answer = error.response["ResponseMetadata"]
        if answer["HTTPStatusCode"] in _REDIRECTED:
            region = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region", "another region")
            return self._in_other_region(access, uri, region)
        if answer["HTTPStatusCode"] in _BROKEN:
            return _no_answer(uri, error.response["Error"]["Code"])
        return None

    def _denied(self, access: Access, uri: S3Uri, denial: Denial) -> str:
        verb = "read" if access is Access.READ else "write"
        what = f"the head's role may not {verb} {_short(uri)}"
        own = (self._environment.work.bucket, self._environment.logs.bucket)
        if not denial.action.startswith("s3:"):
            on = f" on {denial.resource}" if denial.resource else ""
            return f"{what}: it has no permission for {denial.action}{on}"
        folder = self._environment.logs.parent
        if uri.bucket in own and (access is Access.READ or f"{uri}/".startswith(f"{folder}/")):
            return f"{what}: allow {denial.action} in the role's policy"
        if access is Access.WRITE:
            return (
                f"{what} ({denial.action}): publish below {folder}, or to one of"
                " storage.results_buckets in the settings"
            )
        return (
            f"{what} ({denial.action}): add {uri.bucket} to storage.reference_buckets in the"
            " settings; in another account its owner must allow it too"
        )

    def _in_other_region(self, access: Access, uri: S3Uri, region: str | None) -> Outcome | None:
        own = self._environment.region
        if region in (None, own):
            return None
        advice = "copy it to" if access is Access.READ else "publish to"
        line = f"{_short(uri)} is in {region}, and this run is in {own}: {advice} a bucket in {own}"
        return Outcome.of(State.BAD_INPUT, line)


def _read(uri: S3Uri, s3: Client) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        # Unlike that of HeadObject, the answer has a body that says what is wrong.
        s3.get_object(Bucket=uri.bucket, Key=uri.key, Range="bytes=0-0")
    except ClientError as error:
        if error.response["Error"]["Code"] != _EMPTY:
            raise


def _write(uri: S3Uri, s3: Client) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    # It needs what PutObject needs, and makes no object:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
    upload = s3.create_multipart_upload(Bucket=uri.bucket, Key=f"{uri.key}/")
    # Whether it may be aborted says nothing of writing; without parts it holds no data.
    with suppress(ClientError):
        s3.abort_multipart_upload(Bucket=uri.bucket, Key=f"{uri.key}/", UploadId=upload["UploadId"])


def _region(bucket: str, s3: Client) -> str | None:
    """A bucket's region; None where S3 does not say, as what was asked before it has succeeded."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see Aws.client

    try:
        return buckets.region(bucket, s3)
    except ClientError as error:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html: it needs ListBucket,
        # but names the region without it too.
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        return headers.get("x-amz-bucket-region")


def _wrong(uri: S3Uri, answer: Mapping[str, str]) -> str:
    """What is wrong with an address; empty if S3 says something else."""
    if answer["Code"] == _NO_BUCKET:
        return f"{_short(uri)} does not exist: there is no bucket {uri.bucket}; check its name"
    if answer["Code"] == _NO_KEY:
        return f"{_short(uri)} does not exist: check its name; upper and lower case matter"
    if answer["Code"] == _ARCHIVED:
        kind = answer.get("StorageClass", "S3 Glacier")
        return f"{_short(uri)} is archived ({kind}): restore it, then submit the job again"
    return ""


def _no_answer(uri: S3Uri, reason: str) -> Outcome:
    line = (
        f"S3 did not respond for {_short(uri)} ({reason[:80]}): resume this run with NF_RESUME and"
        " this job's id"
    )
    return Outcome.of(State.UNREACHABLE, line)


def _short(uri: S3Uri) -> str:
    """The address without its middle; it is known by both of its ends."""
    text = str(uri)
    half = _LONGEST_URI // 2
    return text if len(text) <= _LONGEST_URI else f"{text[:half]}…{text[-half:]}"
