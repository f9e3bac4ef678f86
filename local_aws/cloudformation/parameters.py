"""A template's parameters and the values a stack gives them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.template import Template

_SSM = "AWS::SSM::Parameter::Value<"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a stack.

    Attributes:
        text: The text of the request or the default; for an SSM parameter its name.
        value: What `Ref` gives.
        no_echo: Whether descriptions hide it.
    """

    key: str
    text: str
    value: Any
    no_echo: bool = False
    from_ssm: bool = False

    def description(self) -> dict[str, str]:
        """Returns the parameter as DescribeStacks shows it."""
        shown = {"ParameterKey": self.key, "ParameterValue": "****" if self.no_echo else self.text}
        if self.from_ssm:
            shown["ResolvedValue"] = _joined(self.value)
        return shown


def resolve_parameters(
    template: Template,
    arguments: list[dict[str, Any]],
    previous: Mapping[str, Parameter],
    ssm: Callable[[str], str],
) -> dict[str, Parameter]:
    """Returns a stack's parameters from those of a request.

    Args:
        template: The template, which declares them.
        arguments: The request's `Parameters`.
        previous: The stack's parameters before the request, for `UsePreviousValue`.
        ssm: Looks up the value of an SSM parameter.

    Raises:
        ValidationError: If a value is missing, unknown or not allowed.
    """
    declared = template.section("Parameters")
    texts = {item["ParameterKey"]: _text_of(item, previous) for item in arguments}
    unknown = sorted(set(texts) - set(declared))
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for key, declaration in declared.items():
        if "Default" in declaration:
            texts.setdefault(key, _joined(declaration["Default"]))
    missing = [key for key in declared if key not in texts]
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        key: _parameter(key, texts[key], declaration, ssm) for key, declaration in declared.items()
    }


def _text_of(item: Mapping[str, Any], previous: Mapping[str, Parameter]) -> str:
    key: str = item["ParameterKey"]
    if not item.get("UsePreviousValue"):
        return str(item.get("ParameterValue", ""))
    if key not in previous:
        raise ValidationError(
            f"Invalid input for parameter key {key}. "
            "Cannot specify usePreviousValue as true for a parameter key not in the previous "
            "template"
        )
    return previous[key].text


def _parameter(
    key: str, text: str, declaration: Mapping[str, Any], ssm: Callable[[str], str]
) -> Parameter:
    kind: str = declaration["Type"]
    from_ssm = kind.startswith(_SSM)
    looked_up = text
    if from_ssm:
        looked_up = ssm(text)
        kind = kind.removeprefix(_SSM).removesuffix(">")
    value: Any = looked_up
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        value = [part.strip() for part in looked_up.split(",")] if looked_up else []
    _check(key, value if not from_ssm else [], declaration)
    no_echo = str(declaration.get("NoEcho", "")).lower() == "true"
    return Parameter(key, text, value, no_echo, from_ssm)


def _check(key: str, value: Any, declaration: Mapping[str, Any]) -> None:
    values = value if isinstance(value, list) else [value]
    allowed = [str(item) for item in declaration.get("AllowedValues", [])]
    pattern = declaration.get("AllowedPattern")
    for item in values:
        if allowed and item not in allowed:
            raise ValidationError(
                f"Parameter '{key}' must be one of AllowedValues [{', '.join(allowed)}]"
            )
        if pattern and not re.fullmatch(pattern, item):
            raise ValidationError(f"Parameter '{key}' must match pattern {pattern}")


def _joined(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
