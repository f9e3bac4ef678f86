"""What CloudFormation's registry says about changes of a type of resource."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_REGION = "us-west-2"  # types differ little between regions


@cache
def _schema(name: str) -> dict[str, Any]:
    """The type's schema, of those that cfn-lint brings."""
    folder = resources.files("cfnlint.data.schemas")
    files = json.loads((folder / "providers" / f"{_REGION}.json").read_text())
    if name not in files:
        return {}
    schema: dict[str, Any] = json.loads((folder / "resources" / f"{files[name]}.json").read_text())
    return schema


def create_only(name: str, properties: Mapping[str, Any]) -> list[list[str]]:
    """The paths of properties that only a new resource can have.

    Args:
        name: The type, such as AWS::S3::Bucket.
        properties: The resource's properties, which decide about what is conditional.

    Returns:
        The names on each path; `*` stands for the entries of a list.
    """
    schema = _schema(name)
    paths = list(schema.get("createOnlyProperties") or [])
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    if name == "AWS::Batch::ComputeEnvironment" and properties.get(
        "ReplaceComputeEnvironment", True
    ):
        paths += schema.get("conditionalCreateOnlyProperties") or []
    return [path.removeprefix("/properties/").split("/") for path in paths]


def at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What a path leads to."""
    if not path:
        yield value
    elif path[0] == "*":
        for item in value if isinstance(value, list) else []:
            yield from at(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from at(value[path[0]], path[1:])
