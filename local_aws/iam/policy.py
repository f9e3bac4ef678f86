"""Policy documents and their statements.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.iam.conditions import arn_matches, conditions_hold
from local_aws.iam.keys import Keys, UndecidableError, Value, pattern

_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition"),
}
_NO_KEYS = Keys({})


@dataclass(frozen=True)
class Need:
    """What a call needs: one action on one resource.

    Attributes:
        action: Such as `s3:GetObject`.
        resource: Its ARN, or `*` where the action cannot be limited to a resource.
        keys: The request's condition keys.
        own: Those of them that this action and resource bring.
    """

    action: str
    resource: str
    keys: Keys
    own: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        sid: Its name, or an empty text.
        allows: Whether it allows; otherwise it denies.
        actions: Its actions; with `excludes_actions`, all others are meant.
        resources: Likewise; a trust policy has none.
        principals: By kind, such as `AWS`; None in an identity policy.
        condition: What must hold besides.
    """

    sid: str
    allows: bool
    actions: list[str]
    excludes_actions: bool
    resources: list[str]
    excludes_resources: bool
    principals: dict[str, list[str]] | None
    condition: dict[str, dict[str, Any]] = field(default_factory=dict)

    def applies_to(self, need: Need) -> bool:
        """Tell whether action and resource are meant and the condition holds.

        Raises:
            UndecidableError: The condition has what is not known.
        """
        return (
            any(action_matches(need.action, each) for each in self.actions) != self.excludes_actions
            and any(arn_matches(need.resource, each, need.keys) for each in self.resources)
            != self.excludes_resources
            and conditions_hold(self.condition, need.keys)
        )


def action_matches(action: str, wanted: str) -> bool:
    """Compare an action with one that may have wildcards; upper and lower case are the same."""
    compiled = pattern(wanted, _NO_KEYS, ignore_case=True)
    return compiled is not None and compiled.fullmatch(action) is not None


def statements(document: str | dict[str, Any]) -> list[Statement]:
    """Read a policy document.

    Raises:
        UndecidableError: It has an element that is not known.
    """
    content = json.loads(document) if isinstance(document, str) else document
    if content.get("Version") != "2012-10-17":
        # An older policy takes variables for text.
        raise UndecidableError(f"the policy version {content.get('Version')} is not known")
    return list(_read(content["Statement"]))


def _read(entries: Any) -> Iterator[Statement]:
    for entry in _listed(entries):
        unknown = set(entry) - _ELEMENTS
        if unknown or "NotPrincipal" in entry:
            raise UndecidableError(f"a statement with {sorted(unknown) or 'NotPrincipal'}")
        yield Statement(
            sid=entry.get("Sid", ""),
            allows=entry["Effect"] == "Allow",
            actions=_listed(entry.get("Action", entry.get("NotAction"))),
            excludes_actions="NotAction" in entry,
            resources=_listed(entry.get("Resource", entry.get("NotResource", "*"))),
            excludes_resources="NotResource" in entry,
            principals=_principals(entry.get("Principal")),
            condition=entry.get("Condition", {}),
        )


def _principals(element: Any) -> dict[str, list[str]] | None:
    if element is None:
        return None
    if element == "*":
        return {"AWS": ["*"]}
    return {kind: _listed(names) for kind, names in element.items()}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
