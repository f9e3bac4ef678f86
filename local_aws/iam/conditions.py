"""The condition operators of IAM.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from itertools import zip_longest
from operator import eq, ge, gt, le, lt
from typing import Any

from local_aws.iam.keys import Keys, UndecidableError, filled, pattern

Comparison = Callable[[str, str, Keys], bool]
"""Compares a request's value with one of a policy's."""


def conditions_hold(block: Mapping[str, Mapping[str, Any]], keys: Keys) -> bool:
    """Evaluate a statement's `Condition`: all of it must hold.

    Args:
        block: Operators, and for each its keys with their values.
        keys: The request's.

    Raises:
        UndecidableError: An operator or a key is not known.
    """
    return all(
        _holds(operator, name, _texts(values), keys)
        for operator, entries in block.items()
        for name, values in entries.items()
    )


def _holds(operator: str, name: str, wanted: list[str], keys: Keys) -> bool:
    value = keys[name]
    if operator == "Null":
        return (value is None) == (wanted[0].lower() == "true")
    quantifier, _, rest = operator.rpartition(":")
    plain = rest.removesuffix("IfExists")
    compare, is_negated = _comparison(plain, operator)
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UndecidableError(f"the condition operator {operator} is not known")
    if value is None:
        return rest != plain or quantifier == "ForAllValues" or (is_negated and not quantifier)
    values = value if isinstance(value, list) else [value]
    if not quantifier and len(values) != 1:
        raise UndecidableError(f"{operator} on {name}, which has several values")
    met = (any(compare(each, text, keys) for text in wanted) != is_negated for each in values)
    return any(met) if quantifier == "ForAnyValue" else all(met)


def _comparison(plain: str, operator: str) -> tuple[Comparison, bool]:
    if plain in _COMPARISONS:
        return _COMPARISONS[plain], False
    positive = "Bool" if plain == "NotBool" else plain.replace("Not", "", 1)
    if "Not" in plain and positive in _COMPARISONS and positive != "Bool":
        return _COMPARISONS[positive], True
    raise UndecidableError(f"the condition operator {operator} is not known")


def _texts(values: Any) -> list[str]:
    listed = values if isinstance(values, list) else [values]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in listed]


def _string(value: str, wanted: str, keys: Keys) -> bool:
    return value == filled(wanted, keys)


def _string_ignoring_case(value: str, wanted: str, keys: Keys) -> bool:
    return value.lower() == (filled(wanted, keys) or "").lower()


def _like(value: str, wanted: str, keys: Keys) -> bool:
    compiled = pattern(wanted, keys)
    return compiled is not None and compiled.fullmatch(value) is not None


def arn_matches(value: str, wanted: str, keys: Keys) -> bool:
    """Compare an ARN with one that may have wildcards, part by part.

    IAM completes an ARN with fewer than six parts by wildcards.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if wanted == "*":
        return True
    parts = _arn_parts(wanted)
    pairs = zip_longest(value.split(":", 5), parts, fillvalue="*")
    return all(_like(have, want, keys) for have, want in pairs)


def _arn_parts(arn: str) -> list[str]:
    """Split an ARN at its colons, but not at those of its variables."""
    parts, depth = [""], 0
    for letter in arn:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == ":" and not depth and len(parts) <= 5:  # noqa: PLR2004 - an ARN has six parts
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _arn(value: str, wanted: str, keys: Keys) -> bool:
    # "${ec2:SourceInstanceARN}" is a whole ARN.
    if wanted.startswith("${") and wanted.endswith("}"):
        return value == filled(wanted, keys)
    return arn_matches(value, wanted, keys)


def _boolean(value: str, wanted: str, _keys: Keys) -> bool:
    return value.lower() == wanted.lower()


def _address(value: str, wanted: str, _keys: Keys) -> bool:
    return ip_address(value) in ip_network(wanted)


def _number(compare: Callable[[float, float], bool]) -> Comparison:
    return lambda value, wanted, _keys: compare(float(value), float(wanted))


def _date(compare: Callable[[datetime, datetime], bool]) -> Comparison:
    return lambda value, wanted, _keys: compare(_moment(value), _moment(wanted))


def _moment(text: str) -> datetime:
    if text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": eq,
    "GreaterThan": gt,
    "GreaterThanEquals": ge,
    "LessThan": lt,
    "LessThanEquals": le,
}
_COMPARISONS: dict[str, Comparison] = {
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _boolean,
    "IpAddress": _address,
    "StringEquals": _string,
    "StringEqualsIgnoreCase": _string_ignoring_case,
    "StringLike": _like,
    **{f"Numeric{name}": _number(compare) for name, compare in _ORDERS.items()},
    **{f"Date{name}": _date(compare) for name, compare in _ORDERS.items()},
}
