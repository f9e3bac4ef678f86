"""S3 buckets and their policies."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.api import ApiError
from local_aws.cloudformation.errors import ResourceError
from local_aws.cloudformation.handlers.handler import Handler, Properties, changed, shortened

_MAX_NAME = 63
_LIFECYCLE_MEMBERS = frozenset(
    {
        "AbortIncompleteMultipartUpload",
        "ExpirationInDays",
        "ExpiredObjectDeleteMarker",
        "Id",
        "NoncurrentVersionExpiration",
        "Prefix",
        "Status",
        "TagFilters",
    }
)


class Bucket(Handler):
    """`AWS::S3::Bucket`."""

    applies: ClassVar = frozenset(
        {
            "AccessControl",
            "BucketName",
            "BucketEncryption",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        bucket = properties.get("BucketName") or shortened(name.lower(), _MAX_NAME)
        self.call(
            "s3",
            "create_bucket",
            Bucket=bucket,
            CreateBucketConfiguration=_location(self._region()),
        )
        return str(bucket)

    def _region(self) -> str:
        zones = self.call("ec2", "describe_availability_zones")["AvailabilityZones"]
        return str(zones[0]["RegionName"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        for name, (put, parameters_of, remove) in _CONFIGURATIONS.items():
            if not changed(old, new, name):
                continue
            if name in new:
                self.call("s3", put, Bucket=physical_id, **parameters_of(new[name]))
            elif isinstance(remove, str):
                self.call("s3", remove, Bucket=physical_id)
            else:
                self.call("s3", put, Bucket=physical_id, **remove)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("s3", "delete_bucket", Bucket=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {
            "Arn": f"arn:aws:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.s3.{self._region()}.amazonaws.com",
        }[name]


class BucketPolicy(Handler):
    """`AWS::S3::BucketPolicy`; its physical id is the bucket's name."""

    def create(self, name: str, properties: Properties) -> str:
        return str(properties["Bucket"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.call("s3", "put_bucket_policy", Bucket=physical_id, Policy=new["PolicyDocument"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("s3", "delete_bucket_policy", Bucket=physical_id)


_EMPTY_ME = "aws-cdk:auto-delete-objects"


class EmptiedBucket(Handler):
    """`Custom::S3AutoDeleteObjects`: what the CDK's `auto_delete_objects` stands for.

    On AWS a Lambda function empties the bucket when the resource goes, if the bucket still has the
    tag that says so; here the handler does
    (https://github.com/aws/aws-cdk/blob/main/packages/%40aws-cdk/custom-resource-handlers/lib/aws-s3/auto-delete-objects-handler/index.ts).
    """

    def create(self, name: str, properties: Properties) -> str:
        return name

    def delete(self, physical_id: str, properties: Properties) -> None:
        bucket = properties["BucketName"]
        try:
            tags = self.call("s3", "get_bucket_tagging", Bucket=bucket)["TagSet"]
            if {"Key": _EMPTY_ME, "Value": "true"} in tags:
                self._empty(bucket)
        except ApiError as error:
            if not error.gone:
                raise

    def _empty(self, bucket: str) -> None:
        while True:
            page = self.call("s3", "list_object_versions", Bucket=bucket)
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            if not found:
                return
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            self.call("s3", "delete_objects", Bucket=bucket, Delete={"Objects": objects})


def _location(region: str) -> dict[str, str] | None:
    """The one region whose name is not written is the oldest."""
    return None if region == "us-east-1" else {"LocationConstraint": region}


def _encryption(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
        }
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _logging(configuration: Mapping[str, Any]) -> dict[str, Any]:
    enabled = {
        "TargetBucket": configuration.get("DestinationBucketName"),
        "TargetPrefix": configuration.get("LogFilePrefix", ""),
    }
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}


def _lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = [_lifecycle_rule(rule) for rule in configuration["Rules"]]
    return {"LifecycleConfiguration": {"Rules": rules}}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    unknown = rule.keys() - _LIFECYCLE_MEMBERS
    if unknown:
        raise ResourceError(f"The local AWS has no lifecycle rule with {min(unknown)}")
    members: dict[str, Any] = {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": _lifecycle_filter(rule),
        "Expiration": {
            "Days": rule.get("ExpirationInDays"),
            "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
        },
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
    }
    return {key: value for key, value in members.items() if _is_set(value)}


def _is_set(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is not None for item in value.values())
    return value is not None


def _lifecycle_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    prefix = {"Prefix": rule.get("Prefix", "")}
    tags = rule.get("TagFilters", [])
    if not tags:
        return prefix
    if len(tags) == 1 and not prefix["Prefix"]:
        return {"Tag": tags[0]}
    return {"And": prefix | {"Tags": tags}}


_CONFIGURATIONS: Mapping[str, tuple[str, Callable[[Any], dict[str, Any]], str | dict[str, Any]]] = {
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        lambda value: {"OwnershipControls": value},
        "delete_bucket_ownership_controls",
    ),
    "AccessControl": (
        "put_bucket_acl",
        lambda value: {"ACL": re.sub(r"(?<!^)([A-Z])", r"-\1", value).lower()},
        {"ACL": "private"},
    ),
    "BucketEncryption": ("put_bucket_encryption", _encryption, "delete_bucket_encryption"),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        lambda value: {"PublicAccessBlockConfiguration": value},
        "delete_public_access_block",
    ),
    "VersioningConfiguration": (
        "put_bucket_versioning",
        lambda value: {"VersioningConfiguration": value},
        {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        _lifecycle,
        "delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": ("put_bucket_logging", _logging, {"BucketLoggingStatus": {}}),
    "Tags": (
        "put_bucket_tagging",
        lambda value: {"Tagging": {"TagSet": value}},
        "delete_bucket_tagging",
    ),
}
"""For each property: the call that sets it, its parameters, and what unsets it."""
