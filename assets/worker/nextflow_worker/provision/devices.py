"""Block devices as the kernel shows them in sysfs, never by names that can move."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, Refusal, persist

if TYPE_CHECKING:
    from pathlib import Path

    from nextflow_worker.host import Host

#: The model that an EBS volume's NVMe controller names.
#: https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
EBS_MODEL = "Amazon Elastic Block Store"
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nvme-ebs-volumes.html
STORE_MODEL = "Amazon EC2 NVMe Instance Storage"


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
        Refusal: There is none, more than one, or the one carries data already.
    """

    def look() -> str:
        link = host.path(name)
        if link.exists():
            disk = "/dev/" + os.path.basename(os.path.realpath(link))  # noqa: PTH119 - a string
            if not _is_blank(host, disk, deadline):
                message = f"scratch volume {name} ({disk}) carries data already"
                raise Refusal(message)
            return disk
        disks = [disk for disk in _of(host, EBS_MODEL) if _is_blank(host, disk, deadline)]
        if len(disks) != 1:
            found = ", ".join(disks) or "none"
            message = f"scratch volume {name} not found; blank EBS volumes: {found}"
            raise Refusal(message)
        return disks[0]

    return persist(host, deadline, look, most=4)


def stores(host: Host) -> list[str]:
    """Return the paths of the instance's own disks, which some types have and which end with it."""
    return _of(host, STORE_MODEL)


def _of(host: Host, model: str) -> list[str]:
    return [
        disk
        for controller in _controllers(host)
        if _text(controller / "model") == model
        for disk in _namespaces(controller)
    ]


def _controllers(host: Host) -> list[Path]:
    return sorted(host.path("/sys/class/nvme").glob("nvme*"))


def _namespaces(controller: Path) -> list[str]:
    # With multipath a namespace also shows as nvme0c0n1, which is no block device of its own.
    return [f"/dev/{disk.name}" for disk in sorted(controller.glob(f"{controller.name}n*"))]


def _is_blank(host: Host, disk: str, deadline: Deadline) -> bool:
    block = host.path("/sys/class/block") / disk[len("/dev/") :]
    partitions = any(block.glob("*/partition"))
    holders = any((block / "holders").glob("*"))
    if partitions or holders:
        return False
    signatures = host.run("wipefs", "--noheadings", "--output", "TYPE", disk, deadline=deadline)
    return not signatures


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:  # The controller went away meanwhile.
        return ""
