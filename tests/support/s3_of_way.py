"""The answers of S3 in one of the ways in which a run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from nextflow_head.environment import Environment
from nextflow_head.s3_access import S3Access
from nextflow_head.s3_uri import S3Uri
from tests.support.nextflow_ways import Way

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = Environment(
    work=S3Uri("bucket", "runs"),
    logs=S3Uri("bucket", "logs"),
    job_queue="default",
    region="us-west-2",
    job_id="0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
)
#: Beside the deployment's own.
OTHER_BUCKETS = {"other-lab": "us-west-2", "results": "us-west-2", "far-lab": "eu-west-1"}
_OBJECTS = {"other-lab/x.fq", "far-lab/x.fq"}


class S3OfWay:
    """An S3 client with the way's buckets, objects and fault.

    Args:
        way: The way.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._objects = _OBJECTS | {f"bucket/{key}" for key in way.extra}

    def head_bucket(self, **call: str) -> Mapping[str, Any]:
        """Answers with the bucket's region."""
        self._check("HeadBucket", **call)
        region = {"bucket": "us-west-2", **OTHER_BUCKETS}[call["Bucket"]]
        return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": region}}}

    def get_object(self, **call: str) -> None:
        """Answers if the object exists."""
        self._check("GetObject", **call)
        if f"{call['Bucket']}/{call['Key']}" not in self._objects:
            raise _error("GetObject", 404, "NoSuchKey", "The specified key does not exist.")

    def create_multipart_upload(self, **call: str) -> Mapping[str, str]:
        """Answers with the id of an upload."""
        self._check("CreateMultipartUpload", **call)
        return {"UploadId": "1"}

    def abort_multipart_upload(self, **call: str) -> None:
        """Answers nothing."""
        self._check("AbortMultipartUpload", **call)

    def _check(self, operation: str, **call: str) -> None:
        fault, bucket, key = self._way.fault, call["Bucket"], call.get("Key", "")
        if fault and fault.service == "s3" and f"/{bucket}/{key}".startswith(fault.path):
            raise _error(operation, fault.status, fault.code, fault.message)
        if bucket not in {"bucket", *OTHER_BUCKETS}:
            raise _error(operation, 404, "NoSuchBucket", "The specified bucket does not exist")


def _error(operation: str, status: int, code: str, message: str) -> ClientError:
    # S3 names the region in each answer about a bucket that is elsewhere.
    headers = {"x-amz-bucket-region": "eu-west-1"} if status == 301 else {}
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},  # type: ignore[typeddict-item]
        },
        operation,
    )


def access(way: Way) -> S3Access:
    """What the head asks S3 after a run that ended in this way."""
    return S3Access(ENVIRONMENT, lambda: S3OfWay(way))


#: Of an S3 in which nothing is wrong.
NO_PROBLEM = access(Way())
