"""A stack's template, and what an update from one to another does to its resources."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stacks.transition.resource_type import at, create_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLACEHOLDER = re.compile(r"\$\{([^!.}]+)")
Resource = dict[str, Any]


@dataclass(frozen=True)
class StackTemplate:
    """A template.

    Attributes:
        name: The stack's name.
        document: The template.
        ids: Physical ids by logical id, where the stack exists.
    """

    name: str
    document: Mapping[str, Any]
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def resources(self) -> dict[str, Resource]:
        """The resources by logical id."""
        return dict(self.document.get("Resources", {}))

    @property
    def exports(self) -> dict[str, Any]:
        """What is exported, not resolved, by the export's name."""
        return {
            output["Export"]["Name"]: output["Value"]
            for output in self.document.get("Outputs", {}).values()
            if "Export" in output
        }

    @property
    def imports(self) -> set[str]:
        """Names of the exports that it uses."""
        return set(_values(self.document, "Fn::ImportValue"))

    def removed_by(self, new: StackTemplate) -> set[str]:
        """Logical ids of what an update takes away."""
        return self.resources.keys() - new.resources.keys()

    def replaced_by(self, new: StackTemplate) -> set[str]:
        """Logical ids of what an update makes anew, and takes away afterwards."""
        old, replaced = self.resources, set[str]()
        while True:
            more = {
                name
                for name, resource in new.resources.items()
                if name in old
                and name not in replaced
                and _is_replaced(old[name], resource, replaced)
            }
            if not more:
                return replaced
            replaced |= more

    def changed_by(self, new: StackTemplate) -> set[str]:
        """Logical ids of what has other properties afterwards."""
        old = self.resources
        return {
            name
            for name, resource in new.resources.items()
            if name in old and old[name].get("Properties") != resource.get("Properties")
        }


def references(value: Any) -> set[str]:
    """The logical ids that a value refers to."""
    found = set(_values(value, "Ref"))
    found |= {entry[0] for entry in _values(value, "Fn::GetAtt")}
    for entry in _values(value, "Fn::Sub"):
        found |= set(_PLACEHOLDER.findall(entry if isinstance(entry, str) else entry[0]))
    return found


def _is_replaced(old: Resource, new: Resource, replaced: set[str]) -> bool:
    before, after = old.get("Properties", {}), new.get("Properties", {})
    for path in create_only(new["Type"], after):
        values = list(at(after, path))
        if list(at(before, path)) != values or references(values) & replaced:
            return True
    return False


def _values(value: Any, function: str) -> Iterator[Any]:
    """The arguments of each use of a function."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == function:
                yield item
            yield from _values(item, function)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, function)
