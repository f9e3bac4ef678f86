"""Calls of EC2's API, within what one instance may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nextflow_worker.backoff import Backoff
from nextflow_worker.error import WorkerError
from nextflow_worker.service import ServiceError

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.service import Service

#: An account's rate of calls is shared by all its workers, so each keeps to a bucket of its own.
#: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
BURST = 30
REFILL_PER_SECOND = 0.5
#: What looks must leave, so that a volume that is there can always be attached and bound.
RESERVE = 5
#: After a throttled call everything waits, in seconds: at first, at most.
BACK_OFF = (2.0, 60.0)


class CallRefusedError(WorkerError):
    """EC2 says no, for good.

    Attributes:
        code: Its error code.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class CallDeferredError(WorkerError):
    """There is no answer yet; the same may be asked again.

    Attributes:
        seconds: In how many seconds at the earliest; 0 where that is left to who asks.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class Calls(Protocol):
    """EC2's operations, by name."""

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask EC2."""


class Ec2Calls:
    """EC2's operations, by name.

    Attributes:
        sent: How many calls were sent.
        throttled: How many of them EC2 refused to answer now.
    """

    def __init__(self, host: Host, ec2: Service) -> None:
        """Take a clock and EC2."""
        self.sent = 0
        self.throttled = 0
        self._host = host
        self._ec2 = ec2
        self._tokens = float(BURST)
        self._filled = host.now()
        self._not_before = 0.0
        self._backoff = Backoff(*BACK_OFF)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask EC2.

        Raises:
            CallDeferredError: The budget is used up, EC2 is too busy, or no answer came.
            CallRefusedError: EC2 refuses.
        """
        self._spend(operation)
        try:
            answer = self._ec2.call(operation, **arguments)
        except ServiceError as error:
            raise self._refusal(operation, error) from error
        self._backoff.reset()
        return answer

    def _spend(self, operation: str) -> None:
        now = self._host.now()
        self._tokens = min(BURST, self._tokens + (now - self._filled) * REFILL_PER_SECOND)
        self._filled = now
        if now < self._not_before:
            message = f"{operation}: EC2 throttles this account's calls"
            raise CallDeferredError(message, self._not_before - now)
        needed = 1 + RESERVE if operation.startswith("Describe") else 1
        if self._tokens < needed:
            message = f"{operation}: this instance's budget of EC2 calls is used up"
            raise CallDeferredError(message, (needed - self._tokens) / REFILL_PER_SECOND)
        self._tokens -= 1
        self.sent += 1

    def _refusal(self, operation: str, error: ServiceError) -> WorkerError:
        message = f"{operation}: {error}"
        if error.throttled:
            self.throttled += 1
            wait = self._backoff.next()
            self._not_before = self._host.now() + wait
            return CallDeferredError(message, wait)
        if error.passing:
            return CallDeferredError(message)
        return CallRefusedError(message, error.code)
