"""Temporary credentials of a job's role, as the ECS agent serves them to containers.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_aws.batch.place import Place

PATH = "/_local/credentials/"

# The ECS agent's credentials live six hours; SDKs ask again some minutes before the end.
_LIFETIME = timedelta(hours=6)
_RENEW_BEFORE = timedelta(minutes=15)


@dataclass
class _Grant:
    place: Place
    role_arn: str
    session: str
    answer: dict[str, str] | None = None
    expires: datetime | None = None


_grants: dict[str, _Grant] = {}
_lock = Lock()


def role_exists(place: Place, role_arn: str) -> bool:
    """Tell whether a role can be assumed."""
    roles = iam_backends[place.account_id][place.partition].roles.values()
    return any(role.arn == role_arn for role in roles)


def grant(place: Place, role_arn: str, session: str) -> str:
    """Let one container ask for a role's credentials.

    Args:
        place: The account and region.
        role_arn: The role.
        session: The session's name; ECS uses the task's id.

    Returns:
        The path at which the credentials are served.
    """
    key = str(uuid.uuid4())
    with _lock:
        _grants[key] = _Grant(place, role_arn, session)
    return PATH + key


def revoke(path: str | None) -> None:
    """Stop serving the credentials at a path, once the container has ended."""
    with _lock:
        _grants.pop((path or "").removeprefix(PATH), None)


def answer(path: str) -> dict[str, str] | None:
    """Answer a container's request for its role's credentials.

    Args:
        path: The request's path.

    Returns:
        The members that SDKs read, or None where the path is not that of a running container.
    """
    with _lock:
        held = _grants.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if held is None:
            return None
        if held.expires is None or datetime.now(UTC) > held.expires - _RENEW_BEFORE:
            held.answer, held.expires = _assume(held)
        return held.answer


def _assume(held: _Grant) -> tuple[dict[str, str], datetime]:
    backend: Any = sts_backends[held.place.account_id][held.place.partition]
    role = backend.assume_role(
        region_name=held.place.region,
        role_session_name=held.session,
        role_arn=held.role_arn,
        policy="",
        duration=int(_LIFETIME.total_seconds()),
        external_id="",
    )
    expires = datetime.now(UTC) + _LIFETIME
    members = {
        "RoleArn": held.role_arn,
        "AccessKeyId": role.access_key_id,
        "SecretAccessKey": role.secret_access_key,
        "Token": role.session_token,
        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return members, expires
