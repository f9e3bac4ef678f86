"""A call of an AWS service, whoever makes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.utilities.utils import get_partition

from local_aws.iam.keys import Keys, Value
from local_aws.iam.policy import Need

Tags = Mapping[str, str]


def _no_tags(_arn: str) -> Tags:
    return {}


@dataclass(frozen=True)
class Call:
    """An operation and its parameters.

    Attributes:
        service: The service's signing name, such as `batch`.
        operation: The operation's name in its service model, such as `SubmitJob`.
        parameters: What botocore would be given.
        account: The account.
        region: The region.
        context: Condition keys that hold for whatever the call needs.
        tags_of: Gives the tags of a resource by its ARN.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    account: str
    region: str
    context: Mapping[str, Value] = field(default_factory=dict)
    tags_of: Callable[[str], Tags] = _no_tags

    def arn(self, service: str, resource: str) -> str:
        """Make the ARN of a resource of this call's account and region."""
        partition = get_partition(self.region)
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        region = "" if service in ("iam", "s3") else self.region
        account = "" if service == "s3" else self.account
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def need(
        self,
        action: str,
        resource: str = "*",
        keys: Mapping[str, Value] | None = None,
        *,
        new_tags: Tags | None = None,
    ) -> Need:
        """Say what the call needs.

        Args:
            action: Such as `batch:SubmitJob`.
            resource: The ARN, or `*` where the action cannot be limited to a resource.
            keys: The condition keys that the service has for this action and resource.
            new_tags: The tags that the request brings, where the service tells IAM of them.
        """
        requested = new_tags or {}
        existing = {} if resource == "*" else self.tags_of(resource)
        service = action.partition(":")[0]
        own: dict[str, Value] = {
            "aws:TagKeys": list(requested) or None,
            **{f"aws:RequestTag/{name}": value for name, value in requested.items()},
            **{f"aws:ResourceTag/{name}": value for name, value in existing.items()},
            **{f"{service}:ResourceTag/{name}": value for name, value in existing.items()},
            **(keys or {}),
        }
        prefixes = ("aws:RequestTag/", "aws:ResourceTag/", f"{service}:ResourceTag/")
        known = Keys({**self.context, **own}, (*prefixes, "aws:PrincipalTag/"))
        return Need(action, resource, known, own)
