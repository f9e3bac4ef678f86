"""Docker's and containerd's data, on scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch

#: Both, because newer Docker releases keep images in containerd's store.
#: https://docs.docker.com/engine/storage/containerd/
DATA = ("/var/lib/docker", "/var/lib/containerd")


def move(host: Host, scratch: Scratch, deadline: Deadline) -> None:
    """Put Docker and containerd on scratch and start them.

    Bind mounts, not `data-root` and containerd's `root`: neither daemon.json nor config.toml need
    be touched, so nothing collides with the AMI's own flags (Docker refuses to start when
    `default-ulimits` is given twice), and `ConditionPathIsMountPoint=` on both services proves the
    mount at each start.

    Raises:
        WorkerError: They cannot be stopped, mounted or started, or work elsewhere afterwards.
    """
    if not all(host.is_mount(data) for data in DATA):
        host.run(
            *("systemctl", "stop", "docker.socket", "docker.service", "containerd.service"),
            deadline=deadline,
        )
        for data in DATA:
            _bind(host, scratch, data, deadline)
    # A start that waits can wait for cloud-init, which waits for this program.
    # https://github.com/aws/amazon-ecs-agent/issues/1707
    host.run("systemctl", "start", "--no-block", "docker.service", deadline=deadline)
    root = retry(
        host,
        deadline,
        lambda: host.run("docker", "info", "--format", "{{.DockerRootDir}}", deadline=deadline),
        most=4,
    )
    for data in (root, *DATA):
        if not host.same_filesystem(data, scratch.mount_point):
            message = f"{data} is not on {scratch.mount_point}"
            raise WorkerError(message)


def _bind(host: Host, scratch: Scratch, data: str, deadline: Deadline) -> None:
    if host.is_mount(data):
        return
    source = host.path(scratch.mount_point) / data.rpartition("/")[2]
    for folder in (source, host.path(data)):
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    host.run("mount", "--bind", str(source), str(host.path(data)), deadline=deadline)
