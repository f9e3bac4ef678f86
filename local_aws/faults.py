"""Makes the local AWS fail on purpose: the fault switch."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from local_aws.error_forms import denied_answer, unavailable_answer
from local_aws.errors import RequestError

KINDS: Final = ("unavailable", "denied", "refused", "host-reclaimed", "failed-pull")
"""The faults there are."""


@dataclass(frozen=True)
class JobFaults:
    """The faults that happen to jobs.

    Attributes:
        reclaim_host: Takes away the host of a running job, as EC2 does with Spot instances;
            given the job's id.
        fail_pull: Lets the next pull of an image fail; given the image's name, or `None` for
            whichever is pulled next.
    """

    reclaim_host: Callable[[str], None]
    fail_pull: Callable[[str | None], None]


class Faults:
    """The faults that are on.

    Args:
        refuse: Refuses connections for a number of seconds.

    Attributes:
        jobs: The faults that happen to jobs; set once jobs can run.
    """

    def __init__(self, refuse: Callable[[float], None]) -> None:
        self._refuse = refuse
        self._until: dict[str, float] = {}
        self._denied: dict[tuple[str, str], float] = {}
        self._lock = Lock()
        self.jobs: JobFaults | None = None

    def unavailable(self, service: str, seconds: float) -> None:
        """Lets a service answer 503, in its own error form, for some seconds.

        Args:
            service: The service's signing name, such as `s3` or `batch`.
            seconds: For how long; 0 ends it.
        """
        with self._lock:
            self._until[service] = time.monotonic() + seconds

    def denied(self, service: str, path: str, seconds: float) -> None:
        """Lets a service deny, for some seconds, what is asked below a path.

        Args:
            service: The service's signing name, such as `s3` or `batch`.
            path: How the request's path begins: `/BUCKET/PREFIX` for objects, `/v1/submitjob`.
            seconds: For how long; 0 ends it.
        """
        with self._lock:
            self._denied[service, path] = time.monotonic() + seconds

    def refused(self, seconds: float) -> None:
        """Drops every connection and refuses new ones for some seconds."""
        self._refuse(seconds)

    def host_reclaimed(self, job: str) -> None:
        """Takes away the host on which a job runs.

        Raises:
            RequestError: If no such job runs.
        """
        self._of_jobs().reclaim_host(job)

    def failed_pull(self, image: str | None = None) -> None:
        """Lets the next pull of an image fail, or of any image if none is named."""
        self._of_jobs().fail_pull(image)

    def _of_jobs(self) -> JobFaults:
        if self.jobs is None:
            raise RequestError("no jobs can run here, so no fault can happen to them")
        return self.jobs

    def clear(self) -> None:
        """Ends what makes services unavailable or lets them deny."""
        with self._lock:
            self._until.clear()
            self._denied.clear()

    def answer_of(self, service: str, path: str) -> tuple[str, dict[str, str], bytes] | None:
        """Returns what a service answers a request now, if a fault is on.

        Args:
            service: The service's signing name.
            path: The request's path.

        Returns:
            Status line, headers and body, or `None`.
        """
        now = time.monotonic()
        with self._lock:
            is_unavailable = now < self._until.get(service, 0.0)
            is_denied = any(
                now < until and service == denied and path.startswith(beginning)
                for (denied, beginning), until in self._denied.items()
            )
        if is_unavailable:
            return ("503 Service Unavailable", *unavailable_answer(service))
        return ("403 Forbidden", *denied_answer(service, path)) if is_denied else None

    def switch(self, body: bytes) -> Callable[[], None] | None:
        """Switches on the fault that a request to `POST /_local/faults` describes.

        Args:
            body: JSON with `kind` and, as it needs them, `service`, `path`, `seconds`, `job`,
                `image`.

        Returns:
            What is still to be done once the request has been answered.

        Raises:
            RequestError: If the request does not describe a fault.
        """
        request = _object(body)
        kind = request.get("kind")
        if kind == "unavailable":
            self.unavailable(_text(request, "service"), _seconds(request))
        elif kind == "denied":
            self.denied(_text(request, "service"), _text(request, "path"), _seconds(request))
        elif kind == "refused":
            seconds = _seconds(request)
            return lambda: self.refused(seconds)
        elif kind == "host-reclaimed":
            self.host_reclaimed(_text(request, "job"))
        elif kind == "failed-pull":
            self.failed_pull(_text(request, "image") if "image" in request else None)
        else:
            raise RequestError(f"kind is {kind!r}; allowed are {', '.join(KINDS)}")
        return None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise RequestError(
            'the body must be a JSON object such as {"kind": "refused", "seconds": 3}'
        )
    return request


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{name} is {value!r}; {request['kind']} needs a string")
    return value


def _seconds(request: Mapping[str, Any]) -> float:
    value = request.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:  # noqa: PLR2004
        raise RequestError(f"seconds is {value!r}; {request['kind']} needs a number from 0 to 3600")
    return float(value)
