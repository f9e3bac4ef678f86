"""What moto's S3 does that S3 would not."""

from copy import copy
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.models import FakeBucket, S3Backend

from local_aws.s3_keys import SortedKeys

_list_objects = S3Backend.list_objects


def install() -> None:
    """Takes two refusals away that S3 does not have, and finds the keys to list by their prefix.

    moto denies whatever a bucket policy's `Deny` statement names, whether or not its conditions
    hold. The usual "TLS only" policy would refuse every upload, since the local AWS speaks plain
    HTTP. So bucket policies are kept but not enforced, as those of IAM.

    moto wants the target of access logs to have its policy before a bucket logs to it. The CDK's
    templates make the policy last, because it names the other bucket, and S3 takes that.
    """
    FakeBucket.get_permission = _neutral
    FakeBucket._log_permissions_enabled_policy = staticmethod(_granted)
    models._VersionedKeyStore = SortedKeys
    S3Backend.list_objects = _listed


def _neutral(_bucket: FakeBucket, _action: str, _resource: str) -> Any:
    return PermissionResult.NEUTRAL


def _granted(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    return True


def _listed(
    backend: S3Backend, bucket: FakeBucket, prefix: str | None, *more: Any, **named: Any
) -> Any:
    if prefix:
        bucket, keys = copy(bucket), bucket.keys
        bucket.keys = keys.beginning_with(prefix)
    return _list_objects(backend, bucket, prefix, *more, **named)
