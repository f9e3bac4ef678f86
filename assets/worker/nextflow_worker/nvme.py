"""The NVMe disks of an instance, as the kernel shows them in sysfs; device names can move."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from nextflow_worker.host import Host

#: The model that an instance-store disk's controller names; EBS volumes have another one.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nvme-ebs-volumes.html
INSTANCE_STORE = "Amazon EC2 NVMe Instance Storage"
#: https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
EBS = "Amazon Elastic Block Store"


class Disk(NamedTuple):
    """A disk.

    Attributes:
        path: Of its block device, as in `/dev/nvme1n1`.
        model: What its controller calls itself.
        volume_id: Of the EBS volume; empty for another disk.
    """

    path: str
    model: str
    volume_id: str


def disks(host: Host) -> list[Disk]:
    """Return the disks, in the order of their controllers.

    A volume's controller has its id, without the dash, as serial number:
    https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
    """
    return [
        Disk(f"/dev/{namespace.name}", _text(controller / "model"), _volume_id(controller))
        for controller in sorted(host.path("/sys/class/nvme").glob("nvme*"))
        # With multipath a namespace also shows as nvme0c0n1, which is no block device of its own.
        for namespace in sorted(controller.glob(f"{controller.name}n*"))[:1]
    ]


def volumes(host: Host) -> dict[str, str]:
    """Return the ids of the attached EBS volumes by the path of their disk, the root's included."""
    return {disk.path: disk.volume_id for disk in disks(host) if disk.volume_id}


def _volume_id(controller: Path) -> str:
    serial = _text(controller / "serial")
    return serial.replace("vol", "vol-", 1) if serial.startswith("vol") else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:  # The controller went away meanwhile.
        return ""
