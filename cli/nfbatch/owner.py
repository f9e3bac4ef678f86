"""Who runs it: the name in the credentials, for the tag `nextflow-owner`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nfbatch.aws import Aws

# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
_NOT_IN_TAGS = re.compile(r"[^\w .:/=+@-]+")
_LONGEST_TAG = 256


def of(aws: Aws) -> str:
    """The user's name: of an SSO session usually an e-mail address.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    arn = str(aws.client("sts").get_caller_identity()["Arn"])
    name = arn.rpartition("/")[2] if "/" in arn else arn.rpartition(":")[2]
    return _NOT_IN_TAGS.sub("-", name)[:_LONGEST_TAG]
