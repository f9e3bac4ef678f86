"""What runs a job's container, and what it is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class ContainerError(Exception):
    """A container that did not start.

    Attributes:
        reason: What DescribeJobs shows as `container.reason`, such as
            `CannotPullContainerError: ...`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        # "A short (255 max characters) human-readable string":
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerDetail.html
        self.reason = reason[:255]


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume in a container.

    Attributes:
        source: The path on the worker's file system; None for a new, empty volume.
        target: The path in the container.
        read_only: Whether the container may not write to it.
    """

    source: str | None
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Ulimit:
    """One resource limit of the processes in a container.

    Attributes:
        name: As in `docker run --ulimit`, such as `nofile`.
        soft: The soft limit.
        hard: The hard limit.
    """

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, kw_only=True)
class Tmpfs:
    """A file system in memory.

    Attributes:
        target: The path in the container.
        size_mib: Its size in MiB.
        options: Mount options.
    """

    target: str
    size_mib: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container of one attempt.

    Attributes:
        name: A name for people, unique among running containers.
        job_id: The job that it belongs to.
        image: The image's name.
        command: Arguments to the image's entry point; empty for the image's own command.
        environment: The whole environment that Batch and ECS add to the image's own.
        vcpus: The CPU share.
        memory_mib: The hard memory limit in MiB.
        gpus: How many GPUs.
        user: `user[:group]`, or None for the image's own.
        privileged: Whether the container has the host's privileges.
        read_only_root: Whether its root file system is read-only.
        mounts: Its volumes.
        ulimits: Its resource limits.
        tmpfs: Its file systems in memory.
        shared_memory_mib: The size of /dev/shm in MiB, or None for the engine's default.
        swap_mib: Swap beside the memory limit in MiB.
        swappiness: 0 to 100, or None for the engine's default.
        init: Whether an init process runs as PID 1.
    """

    name: str
    job_id: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    vcpus: float = 1
    memory_mib: int = 512
    gpus: int = 0
    user: str | None = None
    privileged: bool = False
    read_only_root: bool = False
    mounts: tuple[Mount, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    shared_memory_mib: int | None = None
    swap_mib: int = 0
    swappiness: int | None = None
    init: bool = False


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a container ended.

    Attributes:
        code: The exit code as Docker counts: 128 plus the signal's number for a killed process.
        out_of_memory: Whether the memory limit killed it.
    """

    code: int
    out_of_memory: bool = False


class Container(Protocol):
    """A container that was started."""

    def wait(self) -> Exit:
        """Wait for the end, until every line of output has been delivered, and clean up."""

    def stop(self) -> None:
        """Send SIGTERM to the container's first process; no error if it has ended."""

    def kill(self) -> None:
        """Send SIGKILL to all of it; no error if it has ended."""


class Runner(Protocol):
    """Starts containers."""

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        """Start a container.

        Args:
            spec: What to run.
            on_line: Receives each line of standard output and error as it is written, without
                its line end, from one thread at a time.

        Raises:
            ContainerError: It could not be started.
        """
