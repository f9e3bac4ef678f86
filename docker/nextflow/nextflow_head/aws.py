"""The AWS services that the head itself calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nextflow_head import verdict
from nextflow_head.refusal import Denied, Refusal, Unreachable

#: boto3 makes its clients while it runs, so they have no type to name.
Client = Any

# The permission that a call needs, where AWS's answer does not say; HEAD answers have no body.
_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DescribeJobs": "batch:DescribeJobs",
    "ListJobs": "batch:ListJobs",
    "TerminateJob": "batch:TerminateJob",
}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden"}


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


@contextmanager
def refusing(what: str, resource: str) -> Iterator[None]:
    """Turns what AWS refuses inside of it into a refusal.

    Args:
        what: What is being done, for the user: "the project s3://… cannot be read".
        resource: What the calls are about, named where AWS denies without naming it.

    Raises:
        Denied: A permission is missing.
        Unreachable: No answer came, however often it was asked.
        Refusal: AWS refuses for another reason.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        if answer["Code"] in _DENIED:
            said = verdict.AUTHORIZATION.search(answer.get("Message", ""))
            action = said["action"] if said else _ACTIONS[error.operation_name]
            raise Denied(what, action, (said and said["resource"]) or resource) from None
        reason = f"{error.operation_name} answered {answer['Code']}: {answer.get('Message', '')}"
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # noqa: PLR2004
            raise Unreachable(f"{what}: {reason}") from None
        raise Refusal(f"{what}: {reason}") from None
    except HTTPClientError as error:
        raise Unreachable(f"{what}: {_line(error)}") from None
    except BotoCoreError as error:
        raise Refusal(f"{what}: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
