"""Lets calls pass that their role's policies allow, and answers the others as AWS does."""

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local_aws.batch.agent import AgentCall
from local_aws.batch.place import Place
from local_aws.error_forms import error_answer
from local_aws.iam import resources
from local_aws.iam.call import Call
from local_aws.iam.evaluation import Denial, Principal, denial_of
from local_aws.iam.keys import Keys, UndecidableError, Value
from local_aws.iam.needs import needs_of
from local_aws.iam.policy import Need
from local_aws.iam.principals import BadCredentialsError, principal_of, role_principal
from local_aws.iam.requests import parse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CREDENTIAL = re.compile(r"Credential=([^/,&]+)/\d{8}/([^/,]*)/", re.IGNORECASE)
_GLOBAL: dict[str, Value] = {
    # The local AWS speaks HTTP, on this machine only: what AWS would ask of TLS is met.
    "aws:SecureTransport": "true",
    "s3:TlsVersion": "1.3",
    "aws:PrincipalType": "AssumedRole",
    "aws:PrincipalIsAWSService": "false",
    "aws:ViaAWSService": "false",
    "aws:CalledVia": None,
    "aws:MultiFactorAuthPresent": None,
    "aws:PrincipalOrgID": None,
    "aws:SourceAccount": None,
    "aws:SourceArn": None,
    "aws:username": None,
    # An instance's own; containers have other roles.
    "ec2:SourceInstanceARN": None,
}

Answer = tuple[str, dict[str, str], bytes]


@dataclass(frozen=True)
class Recorded:
    """One thing that a role needed.

    Attributes:
        role: The role's ARN.
        action: The action.
        resource: The resource's ARN, or `*`.
        keys: The condition keys that it brought, sorted; None for those that it did not have.
        program: The first product of the caller's `User-Agent`, such as `Boto3`.
        denied: Why it was denied; empty if it was allowed.
    """

    role: str
    action: str
    resource: str
    keys: tuple[tuple[str, str | None], ...]
    program: str
    denied: str


class AccessControl:
    """Decides about each request by the credentials that it is signed with.

    Signatures are not checked, so the operator's key is a secret of this process: whoever has
    neither that nor a role's session has no access.

    Args:
        account: The account.

    Attributes:
        operator_key: The access key id of the account's administrator, who may do everything.
        recorded: How often each role needed what.
    """

    def __init__(self, account: str) -> None:
        self.operator_key = f"AKIA{secrets.token_hex(8).upper()}"
        self.recorded: Counter[Recorded] = Counter()
        self._account = account
        self._lock = Lock()

    @property
    def denials(self) -> list[str]:
        """What was denied, or could not be decided."""
        return sorted({each.denied for each in self.recorded if each.denied})

    def refusal(self, service: str, environ: "WSGIEnvironment") -> Answer | None:
        """Return the answer to a request that is not allowed, or None if it is.

        Args:
            service: The service's signing name.
            environ: The request.
        """
        key, region, token = _signed_by(environ)
        if key == self.operator_key:
            return None
        place = Place(self._account, region)
        try:
            principal = principal_of(place, key, token)
        except BadCredentialsError as error:
            return ("403 Forbidden", *error_answer(service, error.code, str(error)))
        try:
            return self._decide(principal, place, service, environ)
        except UndecidableError as error:
            message = self._undecided(principal, error)
            return ("501 Not Implemented", *error_answer(service, "NotImplemented", message))

    def _decide(
        self, principal: Principal, place: Place, service: str, environ: "WSGIEnvironment"
    ) -> Answer | None:
        operation, parameters = parse(service, environ)
        if service == "s3":
            encryption = resources.encryption_of(place, operation, parameters)
            parameters = {**parameters, "_Encryption": encryption}
        source = str(environ.get("REMOTE_ADDR", ""))
        call = _call(principal, place, service, operation, parameters, source=source)
        program = str(environ.get("HTTP_USER_AGENT", "")).partition("/")[0]
        denial = self._check(principal, place, call, program)
        return None if denial is None else denied_answer(service, principal, denial)

    def refusal_of(self, asked: AgentCall) -> str | None:
        """Return why the ECS agent may not make a call, or None if it may."""
        place = asked.place
        principal = role_principal(place, asked.role, asked.session)
        try:
            call = _call(principal, place, asked.service, asked.operation, asked.parameters)
            denial = self._check(principal, place, call, "ECS agent")
        except UndecidableError as error:
            return self._undecided(principal, error)
        return message_of(principal, denial) if denial else None

    def _undecided(self, principal: Principal, error: UndecidableError) -> str:
        message = f"The local AWS cannot decide about {principal.role}: {error}"
        self._record(principal, Need("", "", Keys({})), "", message)
        return message

    def _check(self, principal: Principal, place: Place, call: Call, program: str) -> Denial | None:
        """Decide about a call, and record what it needed up to its first denial."""
        for need in needs_of(call):
            policy = resources.policy_of(place, need.resource) if need.resource != "*" else None
            denial = denial_of(principal, need, policy)
            self._record(principal, need, program, message_of(principal, denial) if denial else "")
            if denial:
                return denial
        return None

    def _record(self, principal: Principal, need: Need, program: str, denied: str) -> None:
        keys = tuple(
            sorted(
                (name, ",".join(value) if isinstance(value, list) else value)
                for name, value in need.own.items()
            )
        )
        entry = Recorded(principal.role, need.action, need.resource, keys, program, denied)
        with self._lock:
            self.recorded[entry] += 1


def _call(
    principal: Principal,
    place: Place,
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    source: str = "",
) -> Call:
    return Call(
        service,
        operation,
        parameters,
        place.account_id,
        place.region,
        context_of(principal, place.region, source=source),
        lambda arn: resources.tags_of(place, arn),
    )


def context_of(principal: Principal, region: str, *, source: str) -> dict[str, Value]:
    """Return the condition keys that hold for all that a call needs.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    now = datetime.now(UTC)
    return {
        **_GLOBAL,
        "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:PrincipalAccount": principal.account,
        "aws:PrincipalArn": principal.role,
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": principal.account,
        "aws:SourceIp": source,
        **{f"aws:PrincipalTag/{name}": value for name, value in principal.tags.items()},
    }


def _signed_by(environ: "WSGIEnvironment") -> tuple[str, str, str]:
    """Return the access key's id, the region and the session token; empty ones if unsigned.

    A presigned address has them in its query.
    """
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    signed = environ.get("HTTP_AUTHORIZATION") or f"Credential={query.get('X-Amz-Credential')}"
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token", "")
    found = _CREDENTIAL.search(signed)
    return (found[1], found[2] or "us-east-1", token) if found else ("", "us-east-1", token)


def message_of(principal: Principal, denial: Denial) -> str:
    """Write a denial as AWS does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    action, article = denial.need.action, "an" if denial.kind[0] in "aeiou" else "a"
    why = (
        f"with an explicit deny in {article} {denial.kind}"
        if denial.is_explicit
        else f"because no {denial.kind} allows the {action} action"
    )
    resource = denial.need.resource
    quoted = f'"{resource}"' if action.startswith("s3:") else resource
    return (
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {quoted} {why}"
    )


def denied_answer(service: str, principal: Principal, denial: Denial) -> Answer:
    """Return the answer to a denied call, in the form of its service."""
    message, code = message_of(principal, denial), "AccessDeniedException"
    if service == "ec2":
        code = "UnauthorizedOperation"
        message = f"You are not authorized to perform this operation. {message}"
    elif service in ("s3", "sts", "iam"):
        code = "AccessDenied"
    status = "400 Bad Request" if service in ("logs", "secretsmanager", "ecr") else "403 Forbidden"
    return (status, *error_answer(service, code, message))
