"""S3 buckets and their policies."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.api import ApiError
from local_aws.cloudformation.handlers.handler import Handler, Properties, changed, shortened

_MAX_NAME = 63


class Bucket(Handler):
    """`AWS::S3::Bucket`."""

    applies: ClassVar = frozenset(
        {
            "AccessControl",
            "BucketName",
            "BucketEncryption",
            "CorsConfiguration",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "NotificationConfiguration",
            "ObjectLockEnabled",
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
            ObjectLockEnabledForBucket=properties.get("ObjectLockEnabled"),
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
        region = self._region()
        return {
            "Arn": f"arn:aws:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "DualStackDomainName": f"{physical_id}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{physical_id}.s3-website-{region}.amazonaws.com",
        }[name]


class BucketPolicy(Handler):
    """`AWS::S3::BucketPolicy`; its physical id is the bucket's name."""

    def create(self, name: str, properties: Properties) -> str:
        return str(properties["Bucket"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.call("s3", "put_bucket_policy", Bucket=physical_id, Policy=new["PolicyDocument"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("s3", "delete_bucket_policy", Bucket=physical_id)


class EmptiedBucket(Handler):
    """`Custom::S3AutoDeleteObjects`: what the CDK's `auto_delete_objects` stands for.

    On AWS a Lambda function empties the bucket when the stack goes; here the handler does.
    """

    def create(self, name: str, properties: Properties) -> str:
        return name

    def delete(self, physical_id: str, properties: Properties) -> None:
        bucket = properties["BucketName"]
        try:
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


def _notifications(configuration: Mapping[str, Any]) -> dict[str, Any]:
    bridged = str(
        configuration.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", "false")
    )
    enabled: dict[str, Any] = {"EventBridgeConfiguration": {}} if bridged.lower() == "true" else {}
    return {"NotificationConfiguration": enabled}


def _cors(configuration: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {"MaxAge": "MaxAgeSeconds", "Id": "ID", "ExposedHeaders": "ExposeHeaders"}
    rules = [
        {renamed.get(key, key): value for key, value in rule.items()}
        for rule in configuration["CorsRules"]
    ]
    return {"CORSConfiguration": {"CORSRules": rules}}


def _lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = [_lifecycle_rule(rule) for rule in configuration["Rules"]]
    return {"LifecycleConfiguration": {"Rules": rules}}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    transitions = rule.get("Transitions") or [rule[key] for key in ("Transition",) if key in rule]
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if "NoncurrentVersionExpirationInDays" in rule:
        noncurrent = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    made: dict[str, Any] = {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": _lifecycle_filter(rule),
        "Expiration": {
            "Days": rule.get("ExpirationInDays"),
            "Date": rule.get("ExpirationDate"),
            "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
        },
        "Transitions": [
            {
                "Days": transition.get("TransitionInDays"),
                "Date": transition.get("TransitionDate"),
                "StorageClass": transition["StorageClass"],
            }
            for transition in transitions
        ],
        "NoncurrentVersionTransitions": [
            {
                "NoncurrentDays": transition["TransitionInDays"],
                "NewerNoncurrentVersions": transition.get("NewerNoncurrentVersions"),
                "StorageClass": transition["StorageClass"],
            }
            for transition in rule.get("NoncurrentVersionTransitions", [])
        ],
        "NoncurrentVersionExpiration": noncurrent,
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
    }
    return {key: value for key, value in made.items() if _says_something(value)}


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is not None for item in value.values())
    return value is not None and value != []


def _lifecycle_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    parts = {
        "Prefix": rule.get("Prefix"),
        "ObjectSizeGreaterThan": rule.get("ObjectSizeGreaterThan"),
        "ObjectSizeLessThan": rule.get("ObjectSizeLessThan"),
    }
    given = {key: value for key, value in parts.items() if value is not None}
    tags = rule.get("TagFilters", [])
    if len(given) + len(tags) > 1:
        return {"And": given | ({"Tags": tags} if tags else {})}
    if tags:
        return {"Tag": tags[0]}
    return given or {"Prefix": ""}


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
    "CorsConfiguration": ("put_bucket_cors", _cors, "delete_bucket_cors"),
    "NotificationConfiguration": (
        "put_bucket_notification_configuration",
        _notifications,
        {"NotificationConfiguration": {}},
    ),
    "Tags": (
        "put_bucket_tagging",
        lambda value: {"Tagging": {"TagSet": value}},
        "delete_bucket_tagging",
    ),
}
"""For each property: the call that sets it, its parameters, and what unsets it."""
