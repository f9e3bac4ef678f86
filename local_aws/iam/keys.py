"""The condition keys of a request, and the policy variables that stand for them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Mapping

Value = str | list[str] | None
"""One value, several values, or None where the request has none."""

_TAGS = re.compile(r"([\w-]+:(?:ResourceTag|RequestTag|PrincipalTag)/)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


class UndecidableError(Exception):
    """A policy or a call has something whose meaning is not known here.

    Nothing is allowed or denied by guess: the local AWS answers with this as an error of its own.
    """


class Keys:
    """The condition keys of one request to one resource.

    Args:
        values: What is known, by the key's name: a value, or None where this request has none.
        tags: Prefixes of tag keys, such as `aws:ResourceTag/`, all of whose tags are in `values`.
    """

    def __init__(self, values: Mapping[str, Value], tags: tuple[str, ...] = ()) -> None:
        self._values = {name.lower(): value for name, value in values.items()}
        self._tags = tuple(prefix.lower() for prefix in tags)

    def __getitem__(self, name: str) -> Value:
        """Return a key's value.

        Raises:
            UndecidableError: Nobody here knows whether the request has this key.
        """
        key = name.lower()
        if key in self._values:
            return self._values[key]
        found = _TAGS.match(key)
        if found and found[1] in self._tags:
            return None
        raise UndecidableError(f"the condition key {name} is not known for this request")


def pattern(text: str, keys: Keys, *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """Compile a text with wildcards and policy variables.

    A variable's value is taken as it is, also where it contains `*`.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html

    Args:
        text: The text of the policy.
        keys: The request's.
        ignore_case: Whether upper and lower case are the same.

    Returns:
        The pattern, or None if a variable has no value: then nothing matches.
    """
    compiled = ""
    for index, part in enumerate(_VARIABLE.split(text)):
        if index % 2 == 0:
            compiled += "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in part)
            continue
        value = _value(part, keys)
        if value is None:
            return None
        compiled += re.escape(value)
    return re.compile(compiled, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def filled(text: str, keys: Keys) -> str | None:
    """Return a text with its policy variables filled in, or None if one has no value."""
    parts = _VARIABLE.split(text)
    values = [_value(part, keys) if index % 2 else part for index, part in enumerate(parts)]
    return None if None in values else "".join(value or "" for value in values)


def _value(variable: str, keys: Keys) -> str | None:
    if variable in _LITERALS:
        return _LITERALS[variable]
    name, _, default = variable.partition(",")
    value = keys[name.strip()]
    if isinstance(value, list):
        raise UndecidableError(f"the variable {variable} has several values")
    return default.strip().strip("'") or None if value is None else value
