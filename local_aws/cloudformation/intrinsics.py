"""CloudFormation's functions: what `Ref`, `Fn::GetAtt` and the others come to."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from local_aws.cloudformation.errors import ValidationError

NO_VALUE: Final = object()
"""What `AWS::NoValue` comes to: the property is as if it were not there."""

_PLACEHOLDER = re.compile(r"\$\{([^!][^}]*)\}")
_LITERAL = re.compile(r"\$\{!([^}]*)\}")
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:ssm:([^}:]+)(?::\d+)?\}\}")


def references(value: Any) -> set[str]:
    """Returns every logical id, parameter and pseudo parameter that a value refers to."""
    if isinstance(value, list):
        return set().union(*(references(item) for item in value))
    if not isinstance(value, dict):
        return set()
    if set(value) == {"Ref"}:
        return {value["Ref"]}
    if set(value) == {"Fn::GetAtt"}:
        return {_attribute_of(value["Fn::GetAtt"])[0]}
    if set(value) == {"Fn::Sub"}:
        return _references_of_sub(value["Fn::Sub"])
    return set().union(*(references(item) for item in value.values()))


def _references_of_sub(argument: Any) -> set[str]:
    text, variables = argument if isinstance(argument, list) else (argument, {})
    named = {name.strip().split(".", 1)[0] for name in _PLACEHOLDER.findall(text)}
    return (named - set(variables)) | references(variables)


def _attribute_of(argument: Any) -> tuple[str, str]:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if len(parts) < 2:  # noqa: PLR2004 -- a logical id and an attribute's name
        raise ValidationError(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, "
            "the resource name and the resource attribute"
        )
    return parts[0], ".".join(str(part) for part in parts[1:])


class Attributes(Protocol):
    """Looks up what resources that exist already are and have."""

    def ref(self, logical_id: str) -> Any:
        """Returns the physical id."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Returns what `Fn::GetAtt` gives."""


@dataclass
class Scope:
    """Everything that a template's functions can refer to.

    Attributes:
        names: Parameters and pseudo parameters.
        mappings: The template's mappings.
        conditions: The conditions, decided.
        imports: Looks up another stack's export by name.
        zones: Lists a region's availability zones.
        ssm: Looks up an SSM parameter's value by name.
        resources: The stack's resources, as far as they exist.
    """

    names: Mapping[str, Any]
    mappings: Mapping[str, Any]
    imports: Callable[[str], str]
    zones: Callable[[str], Sequence[str]]
    ssm: Callable[[str], str]
    resources: Attributes | None = None
    conditions: dict[str, bool] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """Returns a value with every function replaced by what it comes to.

        Raises:
            ValidationError: If a function refers to what is not there.
        """
        if isinstance(value, list):
            return [item for item in (self.resolve(item) for item in value) if item is not NO_VALUE]
        if isinstance(value, str):
            return _DYNAMIC_REFERENCE.sub(lambda found: self.ssm(found[1]), value)
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name,) = value
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, value[name])
            if name.startswith("Fn::"):
                raise ValidationError(f"Template error: the local AWS has no function {name}")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def ref(self, name: str) -> Any:
        """Returns what `Ref` gives for a parameter, a pseudo parameter or a resource."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.names:
            return self.names[name]
        if self.resources is None:
            raise ValidationError(f"Template error: unresolved reference to {name}")
        return self.resources.ref(name)

    def attribute(self, argument: Any) -> Any:
        """Returns what `Fn::GetAtt` gives."""
        logical_id, name = _attribute_of(argument)
        if self.resources is None:
            raise ValidationError(
                f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
            )
        return self.resources.attribute(logical_id, self.resolve(name))


def _sub(scope: Scope, argument: Any) -> str:
    text, variables = argument if isinstance(argument, list) else (argument, {})
    values = scope.resolve(variables)

    def substitute(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in values:
            return str(values[name])
        return _text(scope.attribute(name) if "." in name else scope.ref(name))

    return _LITERAL.sub(r"${\1}", _PLACEHOLDER.sub(substitute, text))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _join(scope: Scope, argument: Any) -> str:
    separator, parts = argument
    return str(separator).join(_text(part) for part in scope.resolve(parts))


def _select(scope: Scope, argument: Any) -> Any:
    index, values = scope.resolve(argument)
    if not isinstance(values, list) or not 0 <= int(index) < len(values):
        raise ValidationError(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        )
    return values[int(index)]


def _split(scope: Scope, argument: Any) -> list[str]:
    separator, text = scope.resolve(argument)
    return str(text).split(separator)


def _find_in_map(scope: Scope, argument: Any) -> Any:
    name, first, second = (scope.resolve(part) for part in argument[:3])
    try:
        return scope.resolve(scope.mappings[name][str(first)][str(second)])
    except KeyError as error:
        if len(argument) > 3 and "DefaultValue" in argument[3]:  # noqa: PLR2004
            return scope.resolve(argument[3]["DefaultValue"])
        raise ValidationError(
            f"Template error: Unable to get mapping for {name}::{first}::{second}"
        ) from error


def _if(scope: Scope, argument: Any) -> Any:
    name, if_true, if_false = argument
    return scope.resolve(if_true if scope.conditions[name] else if_false)


def _base64(scope: Scope, argument: Any) -> str:
    return base64.b64encode(_text(scope.resolve(argument)).encode()).decode()


_FUNCTIONS: Final[Mapping[str, Callable[[Scope, Any], Any]]] = {
    "Ref": Scope.ref,
    "Fn::GetAtt": Scope.attribute,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::If": _if,
    "Fn::Base64": _base64,
    "Fn::GetAZs": lambda scope, argument: list(scope.zones(scope.resolve(argument))),
    "Fn::ImportValue": lambda scope, argument: scope.imports(scope.resolve(argument)),
}
