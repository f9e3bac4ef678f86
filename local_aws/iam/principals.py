"""Whose access key it is, and what that role's policies say."""

import hmac
from collections.abc import Iterable
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_aws.batch.place import Place
from local_aws.iam.evaluation import Principal
from local_aws.iam.policy import Statement, statements


class BadCredentialsError(Exception):
    """Credentials that no role has; the message is AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def principal_of(place: Place, access_key: str, token: str) -> Principal:
    """Find the session that holds an access key.

    Args:
        place: The account and region.
        access_key: Its id.
        token: The session token that came with it.

    Raises:
        BadCredentialsError: No session has them, or it is over.
    """
    sessions = sts_backends[place.account_id][place.partition].assumed_roles
    session = next((each for each in sessions if each.access_key_id == access_key), None)
    if session is None or not hmac.compare_digest(session.session_token, token):
        raise BadCredentialsError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    if session.expiration < utcnow():
        raise BadCredentialsError(
            "ExpiredToken", "The security token included in the request is expired"
        )
    return role_principal(place, session.role_arn, session.session_name, session.policy)


def role_principal(
    place: Place, role_arn: str, session: str, session_policy: str | None = None
) -> Principal:
    """Read a role's policies as they are now.

    Args:
        place: The account and region.
        role_arn: The role.
        session: The session's name.
        session_policy: The policy that it was limited to.
    """
    role = next(each for each in _iam(place).roles.values() if each.arn == role_arn)
    boundary = role.permissions_boundary_arn
    return Principal(
        arn=f"arn:{place.partition}:sts::{place.account_id}:assumed-role/{role.name}/{session}",
        role=role_arn,
        identity=_identity(place, role),
        boundary=_managed(place, [boundary]) if boundary else None,
        session=statements(session_policy) if session_policy else None,
        tags={tag["Key"]: tag["Value"] for tag in role.tags},
    )


def _iam(place: Place) -> Any:
    return iam_backends[place.account_id][place.partition]


def _identity(place: Place, role: Any) -> list[Statement]:
    inline = [each for document in role.policies.values() for each in statements(document)]
    return inline + _managed(place, role.managed_policies)


def _managed(place: Place, arns: Iterable[str]) -> list[Statement]:
    known = _iam(place).managed_policies
    documents = [
        version.document for arn in arns for version in known[arn].versions if version.is_default
    ]
    return [each for document in documents for each in statements(document)]
