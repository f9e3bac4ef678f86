"""The AWS services that the head itself calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nextflow_head.input_error import InputError, MissingPermissionError, UnreachableError

#: boto3 makes its clients while it runs, so they have no type to name.
Client = Any

# The permission that a call needs, where AWS's answer does not say; HEAD answers have no body.
_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DescribeJobs": "batch:DescribeJobs",
    "ListJobs": "batch:ListJobs",
    "TerminateJob": "batch:TerminateJob",
}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden"}
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_AUTHORIZATION = re.compile(
    r"not authorized to perform: (?P<action>[\w:-]+)(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)


@dataclass(frozen=True)
class Aws:
    """Where the services are.

    Attributes:
        region: Of queue and buckets.
        endpoint: Another address than AWS's own, for all services, or None.
    """

    region: str
    endpoint: str | None

    def client(self, service: str, *, attempts: int = 20) -> Client:
        """A client.

        Args:
            service: Such as `s3`.
            attempts: How often a call is tried; boto3 waits up to 20 s between attempts.
        """
        # Importing boto3 takes longer than everything else the head does before Nextflow starts.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        session: Any = boto3.session.Session()
        return session.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": attempts},
                # Names like BUCKET.localhost do not resolve.
                s3={"addressing_style": "path"} if self.endpoint else {},
            ),
        )


@dataclass(frozen=True)
class Denial:
    """A permission that AWS says is missing.

    Attributes:
        action: The IAM action.
        resource: On what; empty where AWS does not name it.
    """

    action: str
    resource: str

    @classmethod
    def of(cls, error: Any) -> Denial | None:
        """The denial in a `ClientError`; None if it is another error."""
        answer = error.response["Error"]
        if answer["Code"] not in _DENIED:
            return None
        named = _AUTHORIZATION.search(answer.get("Message", ""))
        if named:
            return cls(named["action"], named["resource"] or "")
        return cls(_ACTIONS[error.operation_name], "")


@contextmanager
def aws_errors(problem: str, resource: str) -> Iterator[None]:
    """Turns errors of AWS inside of it into an InputError.

    Args:
        problem: What fails then, for the user: "the project s3://… cannot be read".
        resource: What the calls are about, named where AWS denies without naming it.

    Raises:
        MissingPermissionError: A permission is missing.
        UnreachableError: No answer came, however often it was asked.
        InputError: AWS refuses for another reason.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        if denial := Denial.of(error):
            raise MissingPermissionError(
                problem, denial.action, denial.resource or resource
            ) from None
        answer = error.response["Error"]
        reason = f"{error.operation_name} answered {answer['Code']}: {answer.get('Message', '')}"
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # noqa: PLR2004
            raise UnreachableError(f"{problem}: {reason}") from None
        raise InputError(f"{problem}: {reason}") from None
    except HTTPClientError as error:
        raise UnreachableError(f"{problem}: {_line(error)}") from None
    except BotoCoreError as error:
        raise InputError(f"{problem}: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
