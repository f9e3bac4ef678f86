"""What moto's S3 does that S3 would not."""

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def install() -> None:
    """Takes two refusals away that S3 does not have.

    moto denies whatever a bucket policy's `Deny` statement names, whether or not its conditions
    hold. The usual "TLS only" policy would refuse every upload, since the local AWS speaks plain
    HTTP. So bucket policies are kept but not enforced, as those of IAM.

    moto wants the target of access logs to have its policy before a bucket logs to it. The CDK's
    templates make the policy last, because it names the other bucket, and S3 takes that.
    """
    FakeBucket.get_permission = _neutral
    FakeBucket._log_permissions_enabled_policy = staticmethod(_granted)


def _neutral(_bucket: FakeBucket, _action: str, _resource: str) -> Any:
    return PermissionResult.NEUTRAL


def _granted(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    return True
