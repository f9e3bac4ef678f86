"""The update that replaces the instances of a compute environment."""

from collections.abc import Callable, Sequence
from threading import Timer
from typing import Protocol

from local_aws.pace import PACE


class Execution(Protocol):
    """What runs on an instance."""

    def lose_host(self) -> None:
        """Let the instance under it disappear."""


class InfrastructureUpdate:
    """Waits for the jobs that ran when it began; new jobs start on new instances meanwhile.

    https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html

    Args:
        executions: What runs on the instances that are to go.
        minutes: `jobExecutionTimeoutMinutes`: after it, jobs that still run lose their instance.
        on_end: Called when none is left.
    """

    def __init__(
        self, executions: Sequence[Execution], minutes: float, on_end: Callable[[], None]
    ) -> None:
        self._executions = list(executions)
        self._on_end = on_end
        self._timer = Timer(PACE.seconds(minutes), self.end_jobs)
        self._timer.daemon = True
        self._timer.start()

    def ended(self, execution: Execution) -> None:
        """Take note of the end of an execution, whether it is one of these or not."""
        if execution in self._executions:
            self._executions.remove(execution)
            if not self._executions:
                self._timer.cancel()
                self._on_end()

    def end_jobs(self) -> None:
        """Take the instances away from the jobs that still run."""
        for execution in list(self._executions):
            execution.lose_host()

    def cancel(self) -> None:
        """Forget it, as between two servers of one process."""
        self._timer.cancel()
