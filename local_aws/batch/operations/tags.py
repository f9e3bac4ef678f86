"""The operations on tags."""

from typing import Any

from local_aws.batch.errors import ClientException
from local_aws.batch.service import Batch

Json = dict[str, Any]


def add(batch: Batch, request: Json) -> Json:
    """TagResource."""
    batch.state.add_tags(_arn(batch, request), request["tags"])
    return {}


def remove(batch: Batch, request: Json) -> Json:
    """UntagResource."""
    batch.state.remove_tags(_arn(batch, request), request["tagKeys"])
    return {}


def show(batch: Batch, request: Json) -> Json:
    """ListTagsForResource."""
    return {"tags": batch.state.tags_of(_arn(batch, request))}


def _arn(batch: Batch, request: Json) -> str:
    arn: str = request["resourceArn"]
    if not batch.state.is_taggable(arn):
        raise ClientException(f"{arn} does not exist")
    return arn
