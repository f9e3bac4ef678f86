"""A template: parsed, and reduced to the resources that its parameters and conditions leave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.intrinsics import NO_VALUE, references


class _Loader(yaml.SafeLoader):
    """Reads dates as text, as CloudFormation does."""


_Loader.yaml_implicit_resolvers = {
    initial: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for initial, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Declaration:
    """One resource of a template, its conditions decided.

    Attributes:
        properties: With every `Fn::If` decided and every parameter put in; other functions are
            still in place.
        needs: The logical ids this resource must come after.
    """

    logical_id: str
    type: str
    properties: dict[str, Any]
    needs: frozenset[str]
    deletion_policy: str
    replace_policy: str


class Template:
    """A template's text and sections.

    Raises:
        ValidationError: If the text is no template.
    """

    def __init__(self, body: str) -> None:
        self.body = body
        self.document = self._parse(body)
        if not isinstance(self.document.get("Resources"), dict) or not self.document["Resources"]:
            raise ValidationError(
                "Template format error: At least one Resources member must be defined."
            )
        for logical_id, resource in self.document["Resources"].items():
            if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
                raise ValidationError(
                    "Template format error: [/Resources/"
                    f"{logical_id}] Every Resources object must contain a Type member."
                )

    @staticmethod
    def _parse(body: str) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except ValueError:
            try:
                document = yaml.load(body, Loader=_Loader)  # noqa: S506 -- a SafeLoader
            except yaml.YAMLError as error:
                problem = " ".join(str(error).split())
                raise ValidationError(
                    f"Template format error: JSON or YAML not well-formed. ({problem})"
                ) from error
        if not isinstance(document, dict):
            raise ValidationError("Template format error: unsupported structure.")
        return document

    def section(self, name: str) -> dict[str, Any]:
        """Returns a top-level section, empty if the template has none."""
        return self.document.get(name) or {}

    @property
    def description(self) -> str | None:
        """The template's description."""
        return self.document.get("Description")

    def declarations(
        self, conditions: Mapping[str, bool], names: Mapping[str, Any]
    ) -> list[Declaration]:
        """Returns the resources that the conditions leave, each after what it needs.

        Args:
            conditions: The template's conditions, decided.
            names: Parameters and pseudo parameters and their values.

        Raises:
            ValidationError: If a resource refers to what is not there, or to itself in a circle.
        """
        kept = {
            logical_id: resource
            for logical_id, resource in self.document["Resources"].items()
            if "Condition" not in resource or conditions[resource["Condition"]]
        }
        decide = _Decider(conditions, names)
        declared = {
            logical_id: _declaration(logical_id, resource, decide, set(kept))
            for logical_id, resource in kept.items()
        }
        for declaration in declared.values():
            unknown = references(declaration.properties) - set(kept) - set(names)
            if unknown:
                raise ValidationError(
                    "Template format error: Unresolved resource dependencies "
                    f"[{', '.join(sorted(unknown))}] in the Resources block of the template"
                )
        return [declared[logical_id] for logical_id in in_order(declared)]


def in_order(declared: Mapping[str, Declaration]) -> list[str]:
    """Returns the logical ids, each after those it needs.

    Raises:
        ValidationError: If they need each other in a circle.
    """
    sorter = TopologicalSorter(
        {name: sorted(item.needs & declared.keys()) for name, item in declared.items()}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise ValidationError(f"Circular dependency between resources: [{circle}]") from error


def _declaration(
    logical_id: str, resource: Mapping[str, Any], decide: "_Decider", siblings: set[str]
) -> Declaration:
    properties = decide(resource.get("Properties") or {})
    depends_on = resource.get("DependsOn") or []
    named = {depends_on} if isinstance(depends_on, str) else set(depends_on)
    return Declaration(
        logical_id=logical_id,
        type=resource["Type"],
        properties=properties,
        needs=frozenset((named | references(properties)) & siblings),
        deletion_policy=decide(resource.get("DeletionPolicy", "Delete")),
        replace_policy=decide(resource.get("UpdateReplacePolicy", "Delete")),
    )


@dataclass(frozen=True)
class _Decider:
    """Takes the branch of each `Fn::If`, puts parameters in, leaves `AWS::NoValue` out."""

    conditions: Mapping[str, bool]
    names: Mapping[str, Any]

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            name, if_true, if_false = value["Fn::If"]
            return self(if_true if self.conditions[name] else if_false)
        if set(value) == {"Ref"}:
            return NO_VALUE if value["Ref"] == "AWS::NoValue" else self._ref(value)
        decided = {key: self(item) for key, item in value.items()}
        return {key: item for key, item in decided.items() if item is not NO_VALUE}

    def _ref(self, value: dict[str, str]) -> Any:
        return self.names.get(value["Ref"], value)
