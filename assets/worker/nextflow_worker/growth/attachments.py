"""What is attached to this instance, as the kernel shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from nextflow_worker.host import Host


class Attachments(NamedTuple):
    """What takes a slot.

    Attributes:
        volumes: EBS volumes by the path of their disk, the root volume included.
        stores: How many instance-store disks there are.
        interfaces: How many network interfaces there are.
    """

    volumes: dict[str, str]
    stores: int
    interfaces: int


def look(host: Host) -> Attachments:
    """Count what is attached.

    A volume's NVMe controller has its id, without the dash, as serial number:
    https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
    """
    volumes, stores = {}, 0
    for controller in sorted(host.path("/sys/class/nvme").glob("nvme*")):
        disks = sorted(controller.glob(f"{controller.name}n*"))
        serial = _text(controller / "serial")
        if not serial.startswith("vol"):
            stores += 1
        elif disks:
            volumes[f"/dev/{disks[0].name}"] = serial.replace("vol", "vol-", 1)
    # Virtual interfaces, as Docker's, have no device.
    interfaces = len(list(host.path("/sys/class/net").glob("*/device")))
    return Attachments(volumes, stores, max(interfaces, 1))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:  # The controller went away meanwhile.
        return ""
