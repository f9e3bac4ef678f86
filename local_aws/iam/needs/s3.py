"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html.

The keys of encryption are in the parameters as `_Encryption`, which is the algorithm and the key
that the object has or will have: S3 itself calls KMS then, in the caller's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from local_aws.iam.call import Call
from local_aws.iam.keys import Value
from local_aws.iam.policy import Need

#: Headers that S3 passes on to IAM as condition keys, by the parameter's name.
_HEADERS = {
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "StorageClass": "s3:x-amz-storage-class",
}


def _keys(call: Call) -> dict[str, Value]:
    parameters = call.parameters
    return {
        "s3:ResourceAccount": call.account,
        **{key: parameters.get(name) for name, key in _HEADERS.items()},
        "s3:prefix": parameters.get("Prefix"),
        "s3:delimiter": parameters.get("Delimiter"),
        "s3:max-keys": _text(parameters.get("MaxKeys")),
        "s3:VersionId": parameters.get("VersionId"),
        "s3:if-none-match": parameters.get("IfNoneMatch"),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _bucket(call: Call) -> str:
    return call.arn("s3", call.parameters["Bucket"])


def _on_bucket(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [call.need(f"s3:{action}", _bucket(call), _keys(call))]


def _on_object(action: str, *, key_use: tuple[str, ...] = ()) -> Callable[[Call], list[Need]]:
    return lambda call: [
        _object(call, action, call.parameters["Bucket"], call.parameters["Key"]),
        *_key_needs(call, key_use),
    ]


def _object(call: Call, action: str, bucket: str, key: str) -> Need:
    if call.parameters.get("VersionId") and action in ("GetObject", "DeleteObject"):
        action += "Version"
    return call.need(f"s3:{action}", call.arn("s3", f"{bucket}/{key}"), _keys(call))


def _key_needs(call: Call, actions: tuple[str, ...]) -> list[Need]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html."""
    algorithm, key = call.parameters.get("_Encryption") or (None, None)
    if algorithm != "aws:kms" or not key:
        return []
    keys: dict[str, Value] = {
        "kms:ViaService": f"s3.{call.region}.amazonaws.com",
        "kms:CallerAccount": call.account,
        # With a bucket key, as the CDK sets it, the context is the bucket.
        "kms:EncryptionContext:aws:s3:arn": _bucket(call),
        "kms:EncryptionContextKeys": ["aws:s3:arn"],
    }
    via = replace(call, context={**call.context, "aws:ViaAWSService": "true"})
    return [via.need(f"kms:{action}", key, keys) for action in actions]


def _put(call: Call) -> list[Need]:
    tags = dict(parse_qsl(call.parameters.get("Tagging") or "", keep_blank_values=True))
    needs = _on_object("PutObject", key_use=("GenerateDataKey",))(call)
    if tags:
        needs += _on_object("PutObjectTagging")(call)
    if call.parameters.get("ACL"):
        needs += _on_object("PutObjectAcl")(call)
    return needs


def _part(call: Call) -> list[Need]:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html, Permissions
    return _on_object("PutObject", key_use=("Decrypt", "GenerateDataKey"))(call)


def _copy(call: Call) -> list[Need]:
    return [_source(call), *_put(call)]


def _copy_part(call: Call) -> list[Need]:
    return [_source(call), *_part(call)]


def _source(call: Call) -> Need:
    source = str(call.parameters["CopySource"])
    path, _, version = source.lstrip("/").partition("?versionId=")
    bucket, _, key = path.partition("/")
    versioned = replace(call, parameters={**call.parameters, "VersionId": version or None})
    return _object(versioned, "GetObject", bucket, key)


def _delete_objects(call: Call) -> list[Need]:
    return [
        _object(
            replace(call, parameters={**call.parameters, "VersionId": each.get("VersionId")}),
            "DeleteObject",
            call.parameters["Bucket"],
            each["Key"],
        )
        for each in _objects(call.parameters)
    ]


def _objects(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(parameters["Delete"]["Objects"])


_GET = _on_object("GetObject", key_use=("Decrypt",))

NEEDS: dict[str, Callable[[Call], list[Need]]] = {
    "AbortMultipartUpload": _on_object("AbortMultipartUpload"),
    "CompleteMultipartUpload": _part,
    "CopyObject": _copy,
    "CreateMultipartUpload": _put,
    "DeleteObject": _on_object("DeleteObject"),
    "DeleteObjectTagging": _on_object("DeleteObjectTagging"),
    "DeleteObjects": _delete_objects,
    "GetBucketAcl": _on_bucket("GetBucketAcl"),
    "GetBucketEncryption": _on_bucket("GetEncryptionConfiguration"),
    "GetBucketLocation": _on_bucket("GetBucketLocation"),
    "GetBucketPolicy": _on_bucket("GetBucketPolicy"),
    "GetBucketVersioning": _on_bucket("GetBucketVersioning"),
    "GetObject": _GET,
    "GetObjectAcl": _on_object("GetObjectAcl"),
    "GetObjectTagging": _on_object("GetObjectTagging"),
    "HeadBucket": _on_bucket("ListBucket"),
    "HeadObject": _GET,
    "ListBuckets": lambda call: [call.need("s3:ListAllMyBuckets", "*", _keys(call))],
    "ListMultipartUploads": _on_bucket("ListBucketMultipartUploads"),
    "ListObjectVersions": _on_bucket("ListBucketVersions"),
    "ListObjects": _on_bucket("ListBucket"),
    "ListObjectsV2": _on_bucket("ListBucket"),
    "ListParts": _on_object("ListMultipartUploadParts"),
    "PutBucketPolicy": _on_bucket("PutBucketPolicy"),
    "PutObject": _put,
    "PutObjectAcl": _on_object("PutObjectAcl"),
    "PutObjectTagging": _on_object("PutObjectTagging"),
    "UploadPart": _part,
    "UploadPartCopy": _copy_part,
}
