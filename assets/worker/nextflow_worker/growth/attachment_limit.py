"""How many more volumes this instance takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker import nvme
from nextflow_worker.growth.ec2_calls import CallDeferredError, CallRefusedError

if TYPE_CHECKING:
    from nextflow_worker.events import Events
    from nextflow_worker.growth.ec2_calls import Ec2Calls
    from nextflow_worker.host import Host

#: What Nitro tells the guest as its product is the instance type.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
PRODUCT = "/sys/devices/virtual/dmi/id/product_name"
#: The least of any current generation, for an instance whose type EC2 does not describe to us.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html
USUAL_LIMIT = 28


def instance_type(host: Host) -> str:
    """Return the type of this instance, empty if it is not told."""
    try:
        name = host.path(PRODUCT).read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return name if "." in name else ""


class AttachmentLimit:
    """The attachments of an instance, by what its type has."""

    def __init__(self, host: Host, calls: Ec2Calls, events: Events) -> None:
        """Take the instance and EC2's calls."""
        self._host = host
        self._calls = calls
        self._events = events
        self._limit = 0
        self._shared = True
        self._full_at: int | None = None

    def free(self) -> int:
        """Return how many volumes can still be attached.

        Raises:
            CallDeferredError: EC2 does not say now.
        """
        if not self._limit:
            self._ask()
        disks = nvme.disks(self._host)
        volumes = sum(bool(disk.volume_id) for disk in disks)
        if self._full_at is not None and volumes >= self._full_at:
            return 0
        taken = len(disks) + self._interfaces() if self._shared else volumes
        return max(0, self._limit - taken)

    def refused(self) -> None:
        """Take in that EC2 attached no more; with as many volumes as now it will not again."""
        self._full_at = len(nvme.volumes(self._host))

    def _interfaces(self) -> int:
        # Virtual interfaces, as Docker's, have no device.
        return max(len(list(self._host.path("/sys/class/net").glob("*/device"))), 1)

    def _ask(self) -> None:
        name = instance_type(self._host)
        self._limit, self._shared = USUAL_LIMIT, True
        if not name:
            self._events.emit(
                "attachment limit unknown", reason=f"the instance type is not in {PRODUCT}"
            )
            return
        try:
            answer = self._calls.call("DescribeInstanceTypes", InstanceTypes=[name])
            info = answer["InstanceTypes"][0]["EbsInfo"]
            # It is told for the types of today's generations only.
            self._limit = int(info.get("MaximumEbsAttachments", USUAL_LIMIT))
            self._shared = info.get("AttachmentLimitType", "shared") == "shared"
        except CallDeferredError:
            self._limit = 0
            raise
        except (CallRefusedError, LookupError) as error:
            # EC2's own refusal to attach is what ends growth then.
            self._events.emit("attachment limit unknown", reason=str(error), assumed=USUAL_LIMIT)
