"""Turns what boto3 raises into one sentence."""

from __future__ import annotations

import re

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from nfbatch.error import Kind, NfbatchError

_SENTENCES: tuple[tuple[tuple[type[Exception], ...], Kind, str], ...] = (
    (
        (exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
        Kind.NO_CREDENTIALS,
        "there are no AWS credentials: run `aws configure sso`, pass --profile NAME, or set"
        " AWS_PROFILE",
    ),
    (
        (
            exceptions.SSOTokenLoadError,
            exceptions.UnauthorizedSSOTokenError,
            exceptions.TokenRetrievalError,
        ),
        Kind.NO_CREDENTIALS,
        "the SSO session has expired: run `aws sso login{option}`",
    ),
    (
        (exceptions.CredentialRetrievalError,),
        Kind.NO_CREDENTIALS,
        "there are no AWS credentials: {error}",
    ),
    (
        (exceptions.ProfileNotFound,),
        Kind.BAD_INPUT,
        "there is no profile {profile}: `aws configure list-profiles` shows those that exist",
    ),
    (
        (exceptions.NoRegionError,),
        Kind.BAD_INPUT,
        "no region is set: pass --region, such as --region us-west-2",
    ),
    (
        (exceptions.ConnectionError, exceptions.HTTPClientError),
        Kind.UNREACHABLE,
        "AWS does not respond ({error}): check the network, the proxy and the region",
    ),
)
_EXPIRED = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
)
_FALSE = frozenset(
    (
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    )
)
_DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden")
)
_THROTTLED = frozenset(
    (
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "PriorRequestNotComplete",
    )
)


def translate(error: BotoCoreError | ClientError, profile: str | None) -> NfbatchError:
    """The sentence for an error.

    Args:
        error: What boto3 raised.
        profile: The profile that is in use, for the command that mends it.
    """
    if isinstance(error, ClientError):
        return _of_answer(error, profile)
    option = f" --profile {profile}" if profile else ""
    for kinds, kind, sentence in _SENTENCES:
        if isinstance(error, kinds):
            text = sentence.format(
                error=_line(error), option=option, profile=profile or "of AWS_PROFILE"
            )
            return NfbatchError(kind, text)
    return NfbatchError(Kind.BAD_INPUT, _line(error))


def _of_answer(error: ClientError, profile: str | None) -> NfbatchError:
    code = code_of(error)
    operation = error.operation_name
    text = _line(error.response.get("Error", {}).get("Message") or code)
    option = f" --profile {profile}" if profile else ""
    if code in _EXPIRED:
        return NfbatchError(
            Kind.NO_CREDENTIALS,
            f"the AWS credentials have expired: log in again, such as `aws sso login{option}`",
        )
    if code in _FALSE:
        return NfbatchError(
            Kind.NO_CREDENTIALS,
            f"AWS does not accept these credentials ({code}): check them with"
            f" `aws sts get-caller-identity{option}`",
        )
    if code in _DENIED:
        denied = re.search(r"not authorized to perform: (\S+)(?: on resource: (\S+))?", text)
        action = denied[1] if denied else operation
        where = f" on {denied[2]}" if denied and denied[2] else ""
        return NfbatchError(
            Kind.NO_PERMISSION,
            f"your credentials may not call {action}{where}: docs/nfbatch.md lists the permissions"
            " that nfbatch needs",
        )
    if code in _THROTTLED:
        return NfbatchError(
            Kind.UNREACHABLE,
            f"AWS limits the rate of calls to {operation} in this account: try again in a minute",
        )
    return NfbatchError(Kind.BAD_INPUT, f"AWS refuses {operation}: {text}")


def code_of(error: ClientError) -> str:
    """The error's code, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _line(error: object) -> str:
    return " ".join(str(error).split())
