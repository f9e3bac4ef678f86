"""The ECS agent's settings and its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

CONFIG = "/etc/ecs/ecs.config"
READY = "/run/nextflow-batch/ready"

#: What keeps tasks off the instance's role, with nextflow_worker.metadata: nobody may set them
#: otherwise. An agent that is told to use task cgroups does not start without them.
#: https://github.com/aws/amazon-ecs-agent/blob/master/agent/app/agent_unix.go
REQUIRED = {
    "ECS_AWSVPC_BLOCK_IMDS": "true",
    "ECS_ENABLE_TASK_CPU_MEM_LIMIT": "true",
}

#: Reason and source of each are in the table of docs/worker.md.
SETTINGS = {
    **REQUIRED,
    "ECS_CONTAINER_CREATE_TIMEOUT": "10m",
    "ECS_CONTAINER_START_TIMEOUT": "10m",
    "ECS_CONTAINER_STOP_TIMEOUT": "2m",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "2m",
    "ECS_IMAGE_CLEANUP_INTERVAL": "10m",
    "ECS_IMAGE_MINIMUM_CLEANUP_AGE": "1h",
    "ECS_IMAGE_PULL_BEHAVIOR": "once",
    "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT": "10m",
    "ECS_IMAGE_PULL_TIMEOUT": "1h",
    "ECS_MANIFEST_PULL_TIMEOUT": "10m",
    "ECS_NUM_IMAGES_DELETE_PER_CYCLE": "10",
    "ECS_RESERVED_MEMORY": "128",
}


def configure(host: Host) -> None:
    """Append the settings that nobody has made.

    The file is never overwritten: Batch appends the cluster's name to it, before or after.

    Raises:
        WorkerError: One that keeps tasks off the instance's role has another value already.
    """
    path = host.path(CONFIG)
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    # Of two lines the later counts.
    # https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
    existing = {
        name.strip(): value.strip().strip("'\"")
        for name, _, value in (line.partition("=") for line in there.splitlines())
    }
    for name, needed in REQUIRED.items():
        if existing.get(name, needed) != needed:
            message = f"{CONFIG}: {name} is {existing[name]!r}; allowed: {needed}"
            raise WorkerError(message)
    new = "".join(f"{name}={value}\n" for name, value in SETTINGS.items() if name not in existing)
    if new:
        # Appended in one write, as Batch's part of user data may be writing too.
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(("" if there.endswith("\n") or not there else "\n") + new)


def start(host: Host, deadline: Deadline) -> None:
    """Lift the condition that holds the agent back, and have it started after user data ends.

    Raises:
        WorkerError: systemd does not take the order.
    """
    host.write(READY, "")
    # Waiting would deadlock: ecs.service comes after cloud-init, which waits for this program.
    # https://github.com/aws/amazon-ecs-agent/issues/1707
    host.run("systemctl", "start", "--no-block", "ecs.service", deadline=deadline)
