"""A template's conditions and rules, decided."""

from collections.abc import Callable, Mapping
from typing import Any

from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.intrinsics import Scope
from local_aws.cloudformation.template import Template


def decide_conditions(template: Template, scope: Scope) -> dict[str, bool]:
    """Returns the value of each condition of the template.

    Raises:
        ValidationError: If a condition names one that does not exist.
    """
    decided: dict[str, bool] = {}
    declared = template.section("Conditions")

    def value_of(name: str) -> bool:
        if name not in declared:
            raise ValidationError(f"Template format error: Unresolved condition {name}")
        if name not in decided:
            decided[name] = evaluate(declared[name], scope, value_of)
        return decided[name]

    for name in declared:
        value_of(name)
    return decided


def check_rules(template: Template, scope: Scope) -> None:
    """Checks the template's rules, such as the CDK's `CheckBootstrapVersion`.

    Raises:
        ValidationError: If an assertion of a rule does not hold.
    """

    def value_of(name: str) -> bool:
        return scope.conditions[name]

    for name, rule in template.section("Rules").items():
        if "RuleCondition" in rule and not evaluate(rule["RuleCondition"], scope, value_of):
            continue
        for assertion in rule["Assertions"]:
            if not evaluate(assertion["Assert"], scope, value_of):
                explanation = assertion.get("AssertDescription", name)
                raise ValidationError(f"Template constraint error: {explanation}")


def evaluate(expression: Any, scope: Scope, value_of: Callable[[str], bool]) -> bool:
    """Returns whether a condition holds.

    Args:
        expression: The condition function, such as `{"Fn::Equals": [...]}`.
        scope: What its operands may refer to.
        value_of: Decides a condition by name.
    """
    (name,) = expression
    operands = expression[name]
    if name == "Condition":
        return value_of(operands)
    if name in _LOGIC:
        return _LOGIC[name]([evaluate(operand, scope, value_of) for operand in operands])
    if name in _COMPARISONS:
        return _COMPARISONS[name](*(scope.resolve(operand) for operand in operands))
    raise ValidationError(f"Template format error: {name} is not a condition function")


_LOGIC: Mapping[str, Callable[[list[bool]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda values: not values[0],
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Fn::Equals": lambda one, other: _plain(one) == _plain(other),
    "Fn::Contains": lambda values, value: _plain(value) in [_plain(item) for item in values],
    "Fn::EachMemberIn": lambda members, values: set(members) <= set(values),
}


def _plain(value: Any) -> Any:
    """CloudFormation compares scalars as text: `true` equals "true", and 1 equals "1"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
