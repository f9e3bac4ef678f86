"""Whether policies allow what a call needs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from local_aws.iam.policy import Need, Statement

EXPLICIT = "with an explicit deny in"
IMPLICIT = "because no"
_IDENTITY, _BOUNDARY, _SESSION = (
    "identity-based policy",
    "permissions boundary",
    "session policy",
)


@dataclass(frozen=True)
class Principal:
    """Who calls.

    Attributes:
        arn: The session's ARN, as error messages show it.
        role: The role's ARN.
        identity: The statements of the role's policies.
        boundary: Those of its permissions boundary, or None if it has none.
        session: Those of the policy that the session was limited to, or None.
        tags: The role's tags.
    """

    arn: str
    role: str
    identity: Sequence[Statement]
    boundary: Sequence[Statement] | None
    session: Sequence[Statement] | None
    tags: dict[str, str]

    @property
    def account(self) -> str:
        """The account's id."""
        return self.role.split(":")[4]


@dataclass(frozen=True)
class ResourcePolicy:
    """The policy of a resource.

    Attributes:
        statements: Its statements.
        is_required: Whether it must allow too, as a key's must.
    """

    statements: Sequence[Statement]
    is_required: bool = False


@dataclass(frozen=True)
class Denial:
    """Why a need is denied.

    Attributes:
        need: What was needed.
        kind: The kind of policy that decided, in the words of AWS's messages.
        is_explicit: Whether a statement denies, rather than none allowing.
    """

    need: Need
    kind: str
    is_explicit: bool


def denial_of(
    principal: Principal, need: Need, resource: ResourcePolicy | None = None
) -> Denial | None:
    """Decide whether a principal may do what a call needs, within one account.

    Args:
        principal: Who calls.
        need: One action on one resource.
        resource: The resource's own policy, if it has one.

    Returns:
        Why not, or None if it may.

    Raises:
        UndecidableError: A policy that matters has what is not known.
    """
    own = [each for each in resource.statements if _names(each, principal)] if resource else []
    layers = [
        (_IDENTITY, principal.identity),
        ("resource-based policy", own),
        *[
            (kind, statements)
            for kind, statements in (
                (_BOUNDARY, principal.boundary),
                (_SESSION, principal.session),
            )
            if statements is not None
        ],
    ]
    for kind, statements in layers:
        if any(not each.allows and each.applies_to(need) for each in statements):
            return Denial(need, kind, is_explicit=True)
    for kind, statements in layers[2:]:
        if not _allow(statements, need):
            return Denial(need, kind, is_explicit=False)
    if resource and resource.is_required and not _allow(own, need):
        return Denial(need, "resource-based policy", is_explicit=False)
    direct = [each for each in own if not _is_delegation(each, principal)]
    if _allow(principal.identity, need) or _allow(direct, need):
        return None
    return Denial(need, _IDENTITY, is_explicit=False)


def _allow(statements: Sequence[Statement], need: Need) -> bool:
    return any(each.allows and each.applies_to(need) for each in statements)


def _names(statement: Statement, principal: Principal) -> bool:
    """Tell whether a resource's statement is about this principal."""
    named = (statement.principals or {}).get("AWS", [])
    root = f"arn:{principal.role.split(':')[1]}:iam::{principal.account}:root"
    return bool({"*", principal.account, root, principal.role, principal.arn} & set(named))


def _is_delegation(statement: Statement, principal: Principal) -> bool:
    """Tell whether a statement leaves it to the account's own policies."""
    named = set((statement.principals or {}).get("AWS", []))
    return not {"*", principal.role, principal.arn} & named
