"""What the local AWS knows of the resources that calls are about: tags, policies, encryption."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from local_aws.batch.place import Place
from local_aws.batch.service import batch_of
from local_aws.iam.evaluation import ResourcePolicy
from local_aws.iam.keys import UndecidableError
from local_aws.iam.policy import statements

_ENCRYPTS = ("CopyObject", "CreateMultipartUpload", "PutObject")
"""The operations of S3 that decide how an object is encrypted."""


def tags_of(place: Place, arn: str) -> Mapping[str, str]:
    """Return the tags of a resource of Batch or EC2; others are not asked for theirs here."""
    service = arn.split(":")[2]
    if service == "ec2":
        name = arn.rpartition("/")[2]
        found = ec2_backends[place.account_id][place.region].describe_tags({"resource-id": [name]})
        return {tag["key"]: tag["value"] for tag in found}
    if service == "batch":
        return batch_of(place.account_id, place.region).state.tags_of(arn)
    return {}


def policy_of(place: Place, arn: str) -> ResourcePolicy | None:
    """Return the policy of a bucket or a key, None where a resource has none.

    Raises:
        UndecidableError: There is no such key.
    """
    service, resource = arn.split(":")[2], arn.split(":", 5)[-1]
    if service == "s3":
        bucket = _bucket(place, resource.partition("/")[0])
        return ResourcePolicy(statements(bucket.policy.decode())) if _has_policy(bucket) else None
    if service == "kms":
        key = kms_backends[place.account_id][place.region].keys.get(resource.rpartition("/")[2])
        if key is None:
            raise UndecidableError(f"there is no key {arn}")
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
        return ResourcePolicy(statements(key.policy), is_required=True)
    return None


def _has_policy(bucket: Any) -> bool:
    return bucket is not None and bucket.policy is not None


def _bucket(place: Place, name: str) -> Any:
    return s3_backends[place.account_id][place.partition].buckets.get(name)


def encryption_of(
    place: Place, operation: str, parameters: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return the algorithm and key that the object of a request to S3 has or will have."""
    bucket = _bucket(place, str(parameters.get("Bucket", "")))
    if bucket is None:
        return None
    if operation in _ENCRYPTS and parameters.get("ServerSideEncryption"):
        return parameters["ServerSideEncryption"], parameters.get("SSEKMSKeyId", "")
    stored = bucket.keys.get(parameters.get("Key")) if operation not in _ENCRYPTS else None
    # A delete marker has none.
    if stored is not None and getattr(stored, "encryption", None):
        return stored.encryption, _key_arn(place, stored.kms_key_id or "")
    rule = ((bucket.encryption or {}).get("Rule") or {}).get("ApplyServerSideEncryptionByDefault")
    return (rule["SSEAlgorithm"], _key_arn(place, rule.get("KMSMasterKeyID", ""))) if rule else None


def _key_arn(place: Place, key: str) -> str:
    if not key or key.startswith("arn:"):
        return key
    return f"arn:{place.partition}:kms:{place.region}:{place.account_id}:key/{key}"
