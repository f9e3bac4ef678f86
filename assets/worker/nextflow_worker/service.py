"""A service of AWS, asked by the program that came along: Python itself brings no client."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: The client for each kind of machine: `MACHINE/aws-client`. It gives up by itself before this.
CLIENTS = Path(__file__).resolve().parents[1] / "aws_client"
ANSWER_SECONDS = 30

_THROTTLED = {
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}


def client(clients: Path = CLIENTS) -> str:
    """Return the path of this machine's client."""
    return str(clients / platform.machine() / "aws-client")


class ServiceError(WorkerError):
    """A call came to nothing.

    Attributes:
        code: The service's error code; empty if there was no answer at all.
        status: That of HTTP; 0 if there was no answer.
    """

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(f"{message} ({code})" if code else message)
        self.code = code
        self.status = status

    @property
    def throttled(self) -> bool:
        """Whether too much was asked in too short a time, by whomever."""
        return self.code in _THROTTLED

    @property
    def passing(self) -> bool:
        """Whether the same may be answered later."""
        return not self.code or self.throttled or self.status >= 500  # noqa: PLR2004


class Service:
    """One service, called by its operations' names; nothing is tried twice."""

    def __init__(self, host: Host, region: str, name: str, *, clients: Path = CLIENTS) -> None:
        """Take a service.

        Args:
            host: Where the client runs.
            region: The region.
            name: `ec2`, `ecs` or `logs`.
            clients: The folder of the clients that came along.
        """
        self._host = host
        self._command = (client(clients), region, name)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask it.

        Returns:
            Its answer, in the names of AWS's SDK for Go: those of the API, with a capital at the
            front. What has no value is not in it; times are text as in RFC 3339.

        Raises:
            ServiceError: It refuses, or does not answer.
        """
        deadline = Deadline(self._host, ANSWER_SECONDS)
        stdin = json.dumps(arguments)
        try:
            output = self._host.run(*self._command, operation, stdin=stdin, deadline=deadline)
            result = json.loads(output, object_hook=_with_values)
        except (WorkerError, ValueError) as error:
            raise ServiceError(str(error)) from error
        if "Refused" in result:
            refusal = result["Refused"]
            message, code = refusal.get("Message", "no reason"), refusal.get("Code", "Unknown")
            raise ServiceError(message, code, refusal["Status"])
        if "Unanswered" in result:
            raise ServiceError(result["Unanswered"])
        answer: dict[str, Any] = result["Answer"]
        return answer


def _with_values(members: dict[str, Any]) -> dict[str, Any]:
    # A missing member of an enumeration is an empty text to the SDK.
    return {name: value for name, value in members.items() if value not in (None, "")}
