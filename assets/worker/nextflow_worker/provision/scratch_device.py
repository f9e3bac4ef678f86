"""The block devices that scratch is made of at an instance's first boot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nextflow_worker import nvme
from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host


def blank(host: Host, name: str, deadline: Deadline) -> str:
    """Find the launch template's scratch volume at an instance's first boot.

    It is what udev links under the launch template's device name or, where there is no link, the
    only EBS volume that carries nothing yet.

    Args:
        host: Where.
        name: The device name in the launch template, as in `/dev/xvdba`.
        deadline: Until when to wait for it.

    Returns:
        Its path.

    Raises:
        WorkerError: There is none, more than one, or it already contains data.
    """

    def look() -> str:
        link = host.path(name)
        if link.exists():
            disk = "/dev/" + os.path.basename(os.path.realpath(link))  # noqa: PTH119 - a string
            if not _is_blank(host, disk, deadline):
                message = f"scratch volume {name} ({disk}) already contains data"
                raise WorkerError(message)
            return disk
        volumes = [disk.path for disk in nvme.disks(host) if disk.model == nvme.EBS]
        disks = [disk for disk in volumes if _is_blank(host, disk, deadline)]
        if len(disks) != 1:
            found = ", ".join(disks) or "none"
            message = f"scratch volume {name} not found; blank EBS volumes: {found}"
            raise WorkerError(message)
        return disks[0]

    return retry(host, deadline, look, most=4)


def stores(host: Host) -> list[str]:
    """Return the paths of the instance's own disks, which some types have and which end with it."""
    return [disk.path for disk in nvme.disks(host) if disk.model == nvme.INSTANCE_STORE]


def _is_blank(host: Host, disk: str, deadline: Deadline) -> bool:
    block = host.path("/sys/class/block") / disk[len("/dev/") :]
    partitions = any(block.glob("*/partition"))
    holders = any((block / "holders").glob("*"))
    if partitions or holders:
        return False
    signatures = host.run("wipefs", "--noheadings", "--output", "TYPE", disk, deadline=deadline)
    return not signatures
