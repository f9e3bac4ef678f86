"""The ECS agent's settings and its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextflow_worker.deadline import Deadline
    from nextflow_worker.host import Host

CONFIG = "/etc/ecs/ecs.config"
READY = "/run/nextflow-batch/ready"

#: Reason and source of each are in the table of docs/worker.md.
SETTINGS = {
    "ECS_CONTAINER_CREATE_TIMEOUT": "10m",
    "ECS_CONTAINER_START_TIMEOUT": "10m",
    "ECS_CONTAINER_STOP_TIMEOUT": "2m",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
    "ECS_IMAGE_PULL_BEHAVIOR": "once",
    "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT": "10m",
    "ECS_MANIFEST_PULL_TIMEOUT": "10m",
}


def configure(host: Host) -> None:
    """Append the settings that nobody has made.

    The file is never overwritten: Batch appends the cluster's name to it, before or after.
    """
    path = host.path(CONFIG)
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    made = {line.partition("=")[0].strip() for line in there.splitlines()}
    new = "".join(f"{name}={value}\n" for name, value in SETTINGS.items() if name not in made)
    if new:
        # Appended in one write, as Batch's part of user data may be writing too.
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(("" if there.endswith("\n") or not there else "\n") + new)


def start(host: Host, deadline: Deadline) -> None:
    """Lift the condition that holds the agent back, and have it started after user data ends.

    Raises:
        Refusal: systemd does not take the order.
    """
    host.write(READY, "")
    # Waiting would deadlock: ecs.service comes after cloud-init, which waits for this program.
    # https://github.com/aws/amazon-ecs-agent/issues/1707
    host.run("systemctl", "start", "--no-block", "ecs.service", deadline=deadline)
