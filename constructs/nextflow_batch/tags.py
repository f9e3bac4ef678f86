"""Tags that people choose: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

from aws_cdk import Tags as CdkTags
from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

#: Key of the tag whose value is the deployment's name.
DEPLOYMENT_TAG = "nextflow-batch:deployment"
#: Of the 50 that a resource may have, ten are kept for those of the CDK, Batch and this library.
MOST_TAGS = 40
#: They travel to the workers in their user data, of which EC2 takes 16 KiB; the rest of it has 11.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
MOST_BYTES = 4_608
_RESERVED = ("aws:", "aws-cdk:", "nextflow-batch:", "awsbatchservicetag")


def _key(key: str) -> str:
    if not re.fullmatch(r"[\w .:/=+@-]{1,128}", key) or key != key.strip():
        raise ValueError("must be 1 to 128 letters, digits, spaces or . : / = + @ - _")
    if key.lower().startswith(_RESERVED):
        raise ValueError(
            "must not begin with aws:, aws-cdk:, nextflow-batch: or AWSBatchServiceTag, which are"
            " reserved"
        )
    if key.lower() == "name":
        raise ValueError("must be another key: each instance has its own Name")
    return key


def _value(value: str) -> str:
    if not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
        raise ValueError("must be up to 256 letters, digits, spaces or . : / = + @ - _")
    return value


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len({key.lower() for key in tags}) < len(tags):
        raise ValueError("must have keys that differ by more than case, because IAM ignores case")
    length = len(json.dumps(tags))
    if length > MOST_BYTES:
        raise ValueError(
            f"must have at most {MOST_BYTES} bytes of JSON, because they are part of the workers'"
            f" user data; these have {length}"
        )
    return tags


TagKey = Annotated[str, AfterValidator(_key)]
TagValue = Annotated[str, AfterValidator(_value)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MOST_TAGS), AfterValidator(_tags)]


def tag(scope: Construct, deployment: str, tags: Mapping[str, str]) -> None:
    """Tag everything below a construct.

    Args:
        scope: The construct.
        deployment: The deployment's name.
        tags: Further tags.
    """
    CdkTags.of(scope).add(DEPLOYMENT_TAG, deployment)
    for key, value in tags.items():
        # A changed tag would replace the compute environments.
        CdkTags.of(scope).add(key, value, exclude_resource_types=["AWS::Batch::ComputeEnvironment"])
