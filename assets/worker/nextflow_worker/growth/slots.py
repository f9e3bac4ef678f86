"""How many more volumes this instance takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.growth import attachments
from nextflow_worker.growth.calls import Later, Refused

if TYPE_CHECKING:
    from nextflow_worker.growth.calls import Calls
    from nextflow_worker.host import Host
    from nextflow_worker.journal import Journal

#: What Nitro tells the guest as its product is the instance type.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
PRODUCT = "/sys/devices/virtual/dmi/id/product_name"
#: The least of any current generation, for an instance whose type EC2 does not describe to us.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html
USUAL_LIMIT = 28


class Slots:
    """The attachments of an instance, by what its type has."""

    def __init__(self, host: Host, calls: Calls, journal: Journal) -> None:
        """Take the instance and EC2's calls."""
        self._host = host
        self._calls = calls
        self._journal = journal
        self._limit = 0
        self._shared = True
        self._full_at: int | None = None

    def free(self) -> int:
        """Return how many volumes can still be attached.

        Raises:
            Later: EC2 does not say now.
        """
        if not self._limit:
            self._ask()
        has = attachments.look(self._host)
        taken = len(has.volumes)
        if self._shared:
            taken += has.stores + has.interfaces
        if self._full_at is not None and len(has.volumes) >= self._full_at:
            return 0
        return max(0, self._limit - taken)

    def refused(self) -> None:
        """Take in that EC2 attached no more; with as many volumes as now it will not again."""
        self._full_at = len(attachments.look(self._host).volumes)

    def _ask(self) -> None:
        try:
            name = self._host.path(PRODUCT).read_text(encoding="ascii").strip()
        except OSError:
            name = ""
        self._limit, self._shared = USUAL_LIMIT, True
        if "." not in name:
            self._journal.say("slots unknown", reason=f"the instance type is not in {PRODUCT}")
            return
        try:
            answer = self._calls.call("DescribeInstanceTypes", InstanceTypes=[name])
            info = answer["InstanceTypes"][0]["EbsInfo"]
            # It is told for the types of today's generations only.
            self._limit = int(info.get("MaximumEbsAttachments", USUAL_LIMIT))
            self._shared = info.get("AttachmentLimitType", "shared") == "shared"
        except Later:
            self._limit = 0
            raise
        except (Refused, LookupError) as error:
            # EC2's own refusal to attach is what ends growth then.
            self._journal.say("slots unknown", reason=str(error), assumed=USUAL_LIMIT)
