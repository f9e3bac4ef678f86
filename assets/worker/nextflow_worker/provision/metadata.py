"""Keeps tasks off the instance's role: the metadata service is out of their reach.

Batch runs jobs in the host's network, where a hop limit of 1 stops nobody, so the host itself has
to tell tasks from agents. It does by cgroup (docs/adr/0008-tasks-and-the-metadata-service.md).
https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

SLICE = "ecstasks.slice"
ADDRESSES = ("169.254.169.254", "fd00:ec2::254")
_UNIT = Path(__file__).resolve().parents[2] / "units" / SLICE

#: One datagram to each address. The kernel tells the sender at once when a cgroup may not send it,
#: while a TCP connection would only time out. Nobody listens to the datagram.
#: https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html
_PROBE = """
import socket, sys
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"", (address, 80))
        print(address)
    except OSError:
        pass
"""


def block(host: Host, deadline: Deadline) -> None:
    """Keep tasks from the metadata service, and prove it.

    Raises:
        WorkerError: Tasks would be able to ask it, or nobody can tell whether they would.
    """
    groups = host.run(
        "docker", "info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}", deadline=deadline
    )
    if groups != "systemd 2":
        message = (
            f"Docker's cgroups are {groups!r}; allowed: 'systemd 2', which put tasks in {SLICE}"
        )
        raise WorkerError(message)
    host.write(f"/etc/systemd/system/{SLICE}", _UNIT.read_text(encoding="utf-8"))
    host.run("systemctl", "daemon-reload", deadline=deadline)
    reached = _reached(host, deadline)
    if ADDRESSES[0] not in reached:
        message = (
            "the host itself cannot send to the metadata service, so the block could not be tested"
        )
        raise WorkerError(message)
    # A kernel or systemd that cannot filter by cgroup says so in the events and goes on.
    reached = _reached(
        *(host, deadline, "systemd-run", "--quiet", "--wait", "--pipe", "--collect"),
        f"--slice={SLICE}",
    )
    if reached:
        message = f"{' and '.join(reached)} can be reached from {SLICE}, where tasks are"
        raise WorkerError(message)


def _reached(host: Host, deadline: Deadline, *within: str) -> list[str]:
    output = host.run(*within, "python3", "-c", _PROBE, *ADDRESSES, deadline=deadline)
    return output.split()
