"""What the CloudFormation registry says of a resource type.

The schemas are those bundled with cfn-lint; they decide which changed properties mean a new
resource (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_DEFAULT_MINUTES = 120
_REGION = "us-west-2"
"""Whose schemas are read: types differ little between regions."""
_DEFAULT_MINUTES = 120


@dataclass(frozen=True)
class Schema:
    """A resource type's schema.

    Attributes:
        document: The registry's JSON; empty for a type that the registry does not know.
    """

    document: Mapping[str, Any]

    @property
    def tag_property(self) -> str | None:
        """The property that holds the resource's tags, `None` if it cannot be tagged."""
        tagging = self.document.get("tagging") or {}
        if not tagging.get("taggable", self.document.get("taggable", False)):
            return None
        name = tagging.get("tagProperty", "/properties/Tags").removeprefix("/properties/")
        return name if name in self.document.get("properties", {}) else None

    @property
    def tags_are_a_map(self) -> bool:
        """Whether tags are written as an object rather than as a list of `Key` and `Value`."""
        tags = self.document.get("properties", {}).get(self.tag_property, {})
        return "patternProperties" in tags or tags.get("type") == "object"

    @property
    def deletes_before_it_replaces(self) -> bool:
        """Whether the old resource must be gone before its replacement can be made."""
        return self.document.get("replacementStrategy") == "delete_then_create"

    @property
    def update_minutes(self) -> int:
        """How long CloudFormation waits for an update: 120 minutes, unless the type says more.

        https://github.com/aws-cloudformation/cloudformation-cli/blob/master/src/rpdk/core/data/schema/provider.definition.schema.v1.json
        """
        handler = (self.document.get("handlers") or {}).get("update") or {}
        return int(handler.get("timeoutInMinutes", _DEFAULT_MINUTES))

    @property
    def name_properties(self) -> list[str]:
        """The properties that identify a resource and that the template chooses."""
        kind = str(self.document.get("typeName", "")).rpartition(":")[2]
        identifier = self._paths("primaryIdentifier")
        names = [
            path for path in self._paths("createOnlyProperties") if path in {"Name", f"{kind}Name"}
        ]
        return [
            path for path in identifier + names if path not in self._paths("readOnlyProperties")
        ]

    def replacing(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Returns the changed properties that only a new resource can have, such as `CidrBlock`."""
        return self._changed("createOnlyProperties", old, new)

    def perhaps_replacing(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Returns the changed properties for which some resources are replaced, others are not."""
        return self._changed("conditionalCreateOnlyProperties", old, new)

    def _changed(self, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        return [
            path.replace("/", ".")
            for path in self._paths(name)
            if list(_at(old, path.split("/"))) != list(_at(new, path.split("/")))
        ]

    def _paths(self, name: str) -> list[str]:
        paths = self.document.get(name) or []
        return [path.removeprefix("/properties/") for path in paths]


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """Yields what a property path leads to; `*` stands for each item of a list."""
    if not path:
        yield value
    elif path[0] == "*":
        for item in value if isinstance(value, list) else []:
            yield from _at(item, path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


@cache
def _files() -> Mapping[str, str]:
    folder = resources.files("cfnlint.data.schemas")
    names: dict[str, str] = json.loads((folder / "providers" / f"{_REGION}.json").read_text())
    return names


@cache
def schema_of(resource_type: str) -> Schema:
    """Returns the schema of a type such as `AWS::S3::Bucket`."""
    name = _files().get(resource_type)
    if name is None:
        return Schema({})
    file = resources.files("cfnlint.data.schemas") / "resources" / f"{name}.json"
    return Schema(json.loads(file.read_text()))
