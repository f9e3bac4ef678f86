"""What the server gives the job engine: a runner, an address and faults."""

from dataclasses import dataclass, field
from threading import Lock

from local_aws.batch.agent import Authorize
from local_aws.batch.runner import ContainerError, Runner


class PullFaults:
    """Image pulls that are to fail."""

    def __init__(self) -> None:
        self._images: list[str | None] = []
        self._lock = Lock()

    def add(self, image: str | None) -> None:
        """Let the next pull of an image fail; of whatever is pulled next for None."""
        with self._lock:
            self._images.append(image)

    def clear(self) -> None:
        """Let no pull fail."""
        with self._lock:
            self._images.clear()

    def check(self, image: str) -> None:
        """Fail a pull if one is to fail.

        Args:
            image: The image that a container needs.

        Raises:
            ContainerError: This pull is to fail.
        """
        with self._lock:
            for entry in (image, None):
                if entry in self._images:
                    self._images.remove(entry)
                    raise ContainerError(
                        "CannotPullContainerError: Error response from daemon: "
                        f"failed to pull {image}: injected by the fault switch"
                    )


@dataclass
class Runtime:
    """How jobs are run in this process.

    Attributes:
        runner: Starts containers; None until `install` has been given one.
        endpoint: The URL of this AWS as a job's container reaches it.
        agent: The URL at which a container finds its role's credentials.
        stop_timeout: Seconds between SIGTERM and SIGKILL. ECS's default is 30
            (https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html).
        authorize: Decides about the agent's own calls; None where there is no access control.
        pull_faults: Image pulls that are to fail.
    """

    runner: Runner | None = None
    endpoint: str | None = None
    agent: str | None = None
    authorize: Authorize | None = None
    stop_timeout: float = 30
    pull_faults: PullFaults = field(default_factory=PullFaults)


RUNTIME = Runtime()
