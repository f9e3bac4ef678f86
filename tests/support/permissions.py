"""What a role of synthesized templates may do, by IAM's rules of evaluation.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from testbed.resources import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_cdk.assertions import Template

Keys = dict[str, str | list[str]]
#: What each request has, if a test says nothing else.
USUAL: Keys = {"aws:SecureTransport": "true"}


class Permissions:
    """The managed policies of a role.

    Args:
        templates: The templates of the deployment.
        role: What the logical id of the role begins with.
        names: What references stand for, such as `<StorageBucket.Arn>`, by the reference.
    """

    def __init__(
        self, templates: Mapping[str, Template], role: str, names: Mapping[str, str]
    ) -> None:
        self._names = names
        attached = " ".join(
            text(arn)
            for template in templates.values()
            for logical, found in template.find_resources("AWS::IAM::Role").items()
            if re.fullmatch(rf"{role}[0-9A-F]{{8}}", logical)
            for arn in found["Properties"]["ManagedPolicyArns"]
        )
        self._statements = [
            statement
            for template in templates.values()
            for logical, policy in template.find_resources("AWS::IAM::ManagedPolicy").items()
            if logical in attached
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]
        assert self._statements, f"no policy of {role} in {attached!r}"

    def allow(self, action: str, resource: str, keys: Keys | None = None) -> bool:
        """Whether the role may do it: a statement allows it, and none denies it."""
        effects = set(self._effects(action, resource, USUAL | (keys or {})))
        return "Allow" in effects and "Deny" not in effects

    def _effects(self, action: str, resource: str, keys: Keys) -> Iterator[str]:
        for statement in self._statements:
            if (
                any(_like(action, entry) for entry in _list(statement["Action"]))
                and any(_like(resource, self._arn(entry)) for entry in _list(statement["Resource"]))
                and all(
                    _holds(operator, keys.get(key), _list(wanted))
                    for operator, entries in statement.get("Condition", {}).items()
                    for key, wanted in entries.items()
                )
            ):
                yield statement["Effect"]

    def _arn(self, resource: object) -> str:
        arn = text(resource)
        for reference, name in self._names.items():
            arn = arn.replace(reference, name)
        assert "<" not in arn, f"{arn} is not among the names"
        return arn


def _holds(operator: str, value: str | list[str] | None, wanted: list[str]) -> bool:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    if value is None:
        return operator.endswith("IfExists") or operator.startswith(("ForAllValues", "StringNot"))
    values = _list(value)
    match operator.removesuffix("IfExists"):
        case "StringEquals" | "Bool" | "ForAllValues:StringEquals":
            return all(each in wanted for each in values)
        case "StringNotEquals":
            return all(each not in wanted for each in values)
    raise NotImplementedError(operator)


def _like(value: str, pattern: str) -> bool:
    steps = (re.escape(step).replace(r"\?", ".") for step in pattern.split("*"))
    return re.fullmatch(".*".join(steps), value, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
