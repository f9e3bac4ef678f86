"""Plan A: scratch grows by one more EBS volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker import nvme
from nextflow_worker.error import WorkerError
from nextflow_worker.growth.ec2_calls import CallDeferredError, CallRefusedError
from nextflow_worker.growth.volume_growth import Tools, VolumeGrowth

if TYPE_CHECKING:
    from nextflow_worker.growth.growth_log import Entry

#: How long EC2 may take to know a volume that it has just made: seconds as a rule. AWS says to wait
#: up to five minutes; one that was only late is deleted as a orphan.
#: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
UNKNOWN_SECONDS = 60
#: How long EC2 may take to know an attachment that it has just made.
BIND_SECONDS = 30
#: How often the kernel is asked for a device; that costs nothing.
DEVICE_POLL = 0.1


class VolumeAddition(VolumeGrowth):
    """A volume is made, attached, bound to the instance's end and taken into scratch.

    Until scratch takes it in, a volume that fails is detached and deleted. From then on it holds
    data and can only go forward.
    """

    def __init__(self, tools: Tools, entry: Entry, *, fresh: bool) -> None:
        super().__init__(tools, entry, fresh=fresh)
        self._looked = 0.0
        self._steps = {
            "intent": self._create,
            "created": self._attach,
            "attached": self._bind,
            "bound": self._find_device,
            "in use": self._extend,
            "discard": self._discard,
        }

    def _fail(self, refusal: WorkerError) -> None:
        state = self.entry.state
        if state == "intent":
            self.failure = str(refusal)
            self._finish()
        elif state not in {"in use", "discard"}:
            self.failure = str(refusal)
            self._go("discard")

    def _create(self) -> None:
        volumes, entry = self._tools.volumes, self.entry
        if not self._certain:
            # Whoever died, or got no answer, may have ordered it.
            entry.volume_id = volumes.find(entry.name)
        if not entry.volume_id:
            try:
                entry.volume_id = volumes.create(entry.name, entry.size_gib)
            except CallDeferredError:
                self._certain = False
                raise
        self._go("created", self._tools.latency.usual("create"))

    def _attach(self) -> None:
        volumes, entry = self._tools.volumes, self.entry
        volume = volumes.poll(entry.volume_id)
        state = volume.get("State", "unknown")
        if state == "available":
            # It came some time between two looks; before the first one, a little sooner each time.
            took = self._took()
            self._tools.latency.learn(
                "create", (self._looked + took) / 2 if self._looked else took - min(0.3, 0.1 * took)
            )
            entry.device_name = volumes.attach(entry.volume_id)
            self._go("attached")
        elif state == "in-use":
            entry.device_name = volumes.device_name(volume)
            self._go("attached")
        elif state == "creating" or (state == "unknown" and self._took() < UNKNOWN_SECONDS):
            self._in_time(f"{entry.volume_id} is {state}, not available")
            self._looked = self._took()
            latency = self._tools.latency
            share = 0.03 if latency.knows("create") else 0.25
            # Another growth may have learned meanwhile how long it takes.
            wait = max(0.5, share * self._looked, latency.usual("create") - self._looked)
            self.due = self._tools.host.now() + wait
        else:
            # A key that cannot be used shows only here, and EC2 may soon forget the volume.
            # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
            message = f"{entry.volume_id} went into state {state}; may the role use its KMS key?"
            raise WorkerError(message)

    def _bind(self) -> None:
        try:
            self._tools.volumes.delete_on_termination(self.entry.volume_id, self.entry.device_name)
        except CallRefusedError as refusal:
            denied = refusal.code in {"UnauthorizedOperation", "AccessDenied"}
            if denied or self._took() > BIND_SECONDS:
                raise
            # EC2 may not know the attachment yet.
            raise CallDeferredError(str(refusal)) from refusal
        since = self._since
        self._go("bound")
        self._since = since  # Attaching began with the call, not with this one.

    def _find_device(self) -> None:
        volume_id = self.entry.volume_id
        if volume_id in nvme.volumes(self._tools.host).values():
            self._tools.latency.learn("attach", self._took())
            self._go("in use")
            return
        self._in_time(f"no block device of {volume_id} appeared")
        self.due = self._tools.host.now() + DEVICE_POLL

    def _extend(self) -> None:
        volume_id = self.entry.volume_id
        disks = nvme.volumes(self._tools.host)
        disk = next((disk for disk, found in disks.items() if found == volume_id), None)
        if disk is None:
            message = f"the block device of {volume_id} is gone"
            raise WorkerError(message)
        self._tools.scratch.extend(disk, self._deadline())
        self._tools.latency.learn("extend", self._took())
        self._finish(grown=True)

    def _discard(self) -> None:
        volumes, volume_id = self._tools.volumes, self.entry.volume_id
        volume = volumes.describe(volume_id)
        state = volume.get("State", "unknown")
        if state == "in-use":
            attachment = volume["Attachments"][0] if volume.get("Attachments") else {}
            if attachment.get("State") != "detaching":
                volumes.device_name(volume)  # Only from this instance.
                volumes.detach(volume_id)
            self._retry()
        elif state in {"available", "error", "unknown"}:
            volumes.delete(volume_id)
            self._finish()
        elif state in {"deleted", "deleting"}:
            self._finish()
        else:
            self._retry()
