"""The containers of ECS tasks, stopped and let go again together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host


class _Switch(NamedTuple):
    file: str
    frozen: str
    thawed: str


#: The ECS agent puts each task below one of these; itself, Docker and this daemon run elsewhere.
#: What is frozen stays so for what is put below it, so a task that starts meanwhile waits too.
#: https://github.com/aws/amazon-ecs-agent/blob/master/agent/api/task/task_linux.go
#: https://docs.kernel.org/admin-guide/cgroup-v2.html (cgroup.freeze)
#: https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html
_SWITCHES = (
    _Switch("/sys/fs/cgroup/ecstasks.slice/cgroup.freeze", "1", "0"),
    _Switch("/sys/fs/cgroup/ecs/cgroup.freeze", "1", "0"),
    _Switch("/sys/fs/cgroup/freezer/ecs/freezer.state", "FROZEN", "THAWED"),
)


class Tasks:
    """All tasks of this instance."""

    def __init__(self, host: Host) -> None:
        """Take the instance."""
        self._host = host

    def freeze(self) -> None:
        """Stop them; they keep their memory, files and connections.

        Raises:
            WorkerError: There are none, or the kernel refuses.
        """
        if not self._switch(frozen=True):
            message = "there is no control group of ECS tasks"
            raise WorkerError(message)

    def thaw(self) -> None:
        """Let them go on; those that are not frozen do not notice.

        Raises:
            WorkerError: The kernel refuses.
        """
        self._switch(frozen=False)

    def _switch(self, *, frozen: bool) -> int:
        done = 0
        for switch in _SWITCHES:
            try:
                # Opened as it is: a group that is gone must not come back as a plain file.
                with self._host.path(switch.file).open("r+", encoding="ascii") as file:
                    file.write(switch.frozen if frozen else switch.thawed)
                done += 1
            except FileNotFoundError:  # noqa: PERF203 - three at most
                continue
            except OSError as error:
                message = f"{switch.file}: {error.strerror}"
                raise WorkerError(message) from error
        return done
