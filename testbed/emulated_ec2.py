"""EC2 as far as volumes go, in memory and in pretended time, with what can go wrong.

Each request is checked against the API's own model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

from nextflow_worker.host import GIB
from nextflow_worker.service import Service, ServiceError

if TYPE_CHECKING:
    from testbed.scratch import WritingMachine

DAY = 24 * 3600


def refusal(code: str, message: str = "you may not") -> ServiceError:
    return ServiceError(message, code, 400)


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("ec2")


@dataclass
class Volume:
    """An EBS volume.

    Attributes:
        id: Its id.
        size: In GiB.
        request: The arguments of its creation.
        created_at: When it was ordered, by the calendar.
        available_at: When it is made.
        device: Its disk on the instance; empty if it is not attached.
        name: The device name that was asked for.
        appears_at: When the kernel sees it.
        ends_with_instance: DeleteOnTermination.
        modified_at: When it was modified.
        deleted: Whether it is.
    """

    id: str
    size: int
    request: dict[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    available_at: float = 0.0
    device: str = ""
    name: str = ""
    attached_at: float = 0.0
    appears_at: float = 0.0
    bound_at: float = 0.0
    ends_with_instance: bool = False
    modified_at: list[float] = field(default_factory=list)
    optimized_at: float = 0.0
    deleted: bool = False


class EmulatedEc2(Service):
    """An EC2 with one instance.

    Attributes:
        volumes: All volumes that were ever made, by id.
        calls: How often each operation was called.
        refuse: Operations that are refused, with the error.
        lose: Operations whose next answer is lost on its way.
        throttled_until: Until when each call is refused with RequestLimitExceeded.
        limit: How many EBS volumes the instance takes, and whether others share the limit.
        devices_appear: Whether attached volumes show up.
        fails_to_create: What becomes of new volumes: `error`, `gone`, or none of both.
    """

    def __init__(
        self,
        machine: WritingMachine,
        *,
        create_seconds: float = 4.0,
        attach_seconds: float = 4.0,
        trip_seconds: float = 0.12,
    ) -> None:
        self.volumes: dict[str, Volume] = {}
        self.calls: Counter[str] = Counter()
        self.order: list[str] = []
        self.refuse: dict[str, Exception] = {}
        self.lose: set[str] = set()
        self.throttled_until = 0.0
        self.rejected = 0
        self.limit = (28, "shared")
        self.devices_appear = True
        self.fails_to_create = ""
        self.slow_to_bind = 0
        self.trip_seconds = trip_seconds
        self._machine = machine
        self.create_seconds = create_seconds
        self._attach_seconds = attach_seconds
        self._tokens: dict[str, Any] = {}

    def first_volume(self, volume_id: str, disk: str, size: int) -> None:
        """Take in a volume of the launch template."""
        self.volumes[volume_id] = Volume(
            volume_id, size, device=disk, name="/dev/xvdba", ends_with_instance=True
        )
        self._show_size(self.volumes[volume_id])

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Answer as EC2 would, or refuse."""
        shape = _model().operation_model(operation).input_shape
        problems = ParamValidator().validate(arguments, shape)
        assert not problems.has_errors(), problems.generate_report()
        self.calls[operation] += 1
        self.order.append(operation)
        self._machine.pause(self.trip_seconds)
        self._machine.moment()
        if self._machine.clock < self.throttled_until:
            self.rejected += 1
            raise refusal("RequestLimitExceeded", "Request limit exceeded.")
        if operation in self.refuse:
            raise self.refuse[operation]
        answer: dict[str, Any] = getattr(self, "_" + xform_name(operation))(arguments)
        if operation in self.lose:
            self.lose.discard(operation)
            raise ServiceError("no answer in time")
        self._machine.moment()
        return answer

    @property
    def added(self) -> list[Volume]:
        """The volumes that were created and are not deleted."""
        return [volume for volume in self.volumes.values() if volume.request and not volume.deleted]

    @property
    def left_behind(self) -> list[Volume]:
        """What would outlive the instance if it ended now."""
        return [volume for volume in self.added if not volume.ends_with_instance]

    def appear(self) -> None:
        """Show the kernel what is attached by now."""
        for volume in self.volumes.values():
            waiting = volume.name and not volume.device and not volume.deleted
            if waiting and self.devices_appear and volume.appears_at <= self._machine.clock:
                number = len(list(self._machine.path("/sys/class/nvme").glob("nvme*"))) + 10
                volume.device = f"/dev/nvme{number}n1"
                self._machine.sizes_gib[volume.device] = volume.size
                self._machine.add_disk(f"nvme{number}", volume.id.replace("-", "", 1))
                self._show_size(volume)

    def _show_size(self, volume: Volume) -> None:
        block = volume.device.replace("/dev/", "/sys/class/block/", 1)
        sectors = str(volume.size * GIB // 512)
        self._machine.path(block + "/size").write_text(sectors + "\n")

    def _find(self, volume_id: str) -> Volume:
        volume = self.volumes.get(volume_id)
        if volume and volume.request and self.fails_to_create == "gone":
            volume.deleted = True
        if volume is None or volume.deleted:
            raise refusal("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
        return volume

    def _create_volume(self, arguments: dict[str, Any]) -> Any:
        token = arguments["ClientToken"]
        # https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
        if token not in self._tokens:
            volume = Volume(f"vol-{len(self.volumes):017x}", arguments["Size"], arguments)
            volume.created_at = self._machine.wall()
            volume.available_at = self._machine.clock + self.create_seconds
            self.volumes[volume.id] = volume
            self._tokens[token] = {"VolumeId": volume.id}
        return self._tokens[token]

    def _describe_volumes(self, arguments: dict[str, Any]) -> Any:
        if "VolumeIds" in arguments:
            return {"Volumes": [self._shown(self._find(key)) for key in arguments["VolumeIds"]]}
        *others, wanted = sorted(arguments["Filters"], key=lambda each: each["Name"])
        known = [volume for volume in self.volumes.values() if not volume.deleted]
        if others:
            assert [each["Name"] for each in others] == ["status", "tag-key"]
            shown = [self._shown(volume) for volume in known if volume.request]
            known = [self.volumes[e["VolumeId"]] for e in shown if e["State"] == "available"]
        if wanted["Name"] == "attachment.instance-id":
            return {"Volumes": [self._shown(volume) for volume in known if volume.name]}
        key, (value,) = wanted["Name"].partition(":")[2], wanted["Values"]
        tag = {"Key": key, "Value": value}
        tagged = [
            volume
            for volume in known
            if volume.request and tag in volume.request["TagSpecifications"][0]["Tags"]
        ]
        return {"Volumes": [self._shown(volume) for volume in tagged]}

    def _shown(self, volume: Volume) -> dict[str, Any]:
        state = "available" if volume.available_at <= self._machine.clock else "creating"
        if self.fails_to_create == "error" and volume.request:
            state = "error"
        attachment = {"InstanceId": "i-0123", "Device": volume.name, "State": "attached"}
        return {
            "VolumeId": volume.id,
            "Size": volume.size,
            "CreateTime": datetime.fromtimestamp(volume.created_at, UTC).isoformat(),
            "State": "in-use" if volume.name else state,
            "Attachments": [attachment] if volume.name else [],
        }

    def _attach_volume(self, arguments: dict[str, Any]) -> Any:
        volume = self._find(arguments["VolumeId"])
        if volume.available_at > self._machine.clock or volume.name:
            raise refusal("IncorrectState", f"{volume.id} is not 'available'.")
        attached = [other for other in self.volumes.values() if other.name and not other.deleted]
        if any(other.name == arguments["Device"] for other in attached):
            raise refusal("InvalidParameterValue", f"{arguments['Device']} is already in use")
        if len(attached) + 2 >= self.limit[0]:  # The root volume and an interface.
            raise refusal("AttachmentLimitExceeded", "Maximum number of attachments reached.")
        volume.name = arguments["Device"]
        volume.attached_at = self._machine.clock
        volume.appears_at = self._machine.clock + self._attach_seconds
        return {}

    def _modify_instance_attribute(self, arguments: dict[str, Any]) -> Any:
        (mapping,) = arguments["BlockDeviceMappings"]
        volume = self._find(mapping["Ebs"]["VolumeId"])
        if self.slow_to_bind > 0:
            self.slow_to_bind -= 1
            raise refusal("InvalidInstanceAttributeValue", "No device is currently mapped")
        assert mapping["DeviceName"] == volume.name
        volume.ends_with_instance = mapping["Ebs"]["DeleteOnTermination"]
        volume.bound_at = self._machine.clock
        return {}

    def _detach_volume(self, arguments: dict[str, Any]) -> Any:
        volume = self._find(arguments["VolumeId"])
        assert volume.device not in self._machine.group, "scratch is on it"
        volume.name, volume.device = "", ""
        return {}

    def _delete_volume(self, arguments: dict[str, Any]) -> Any:
        volume = self._find(arguments["VolumeId"])
        if volume.name:
            raise refusal("VolumeInUse", f"{volume.id} is attached")
        volume.deleted = True
        return {}

    def _describe_instance_types(self, arguments: dict[str, Any]) -> Any:
        (name,) = arguments["InstanceTypes"]
        number, kind = self.limit
        info = {"MaximumEbsAttachments": number, "AttachmentLimitType": kind}
        return {"InstanceTypes": [{"InstanceType": name, "EbsInfo": info}]}

    def _modify_volume(self, arguments: dict[str, Any]) -> Any:
        volume, now = self._find(arguments["VolumeId"]), self._machine.clock
        if now < volume.optimized_at:
            raise refusal("IncorrectModificationState", f"{volume.id} is still being modified")
        if sum(at > now - DAY for at in volume.modified_at) >= 4:
            raise refusal("VolumeModificationRateExceeded", "You've reached the maximum rate")
        assert arguments["Size"] > volume.size
        volume.size = arguments["Size"]
        volume.modified_at.append(now)
        volume.optimized_at = now + 3600
        return {}

    def _describe_volumes_modifications(self, arguments: dict[str, Any]) -> Any:
        volume = self._find(arguments["VolumeIds"][0])
        if not volume.modified_at:
            raise refusal("InvalidVolumeModification.NotFound", "never modified")
        done = self._machine.clock - volume.modified_at[-1] > 5
        if done:
            self._show_size(volume)
        state = "optimizing" if done else "modifying"
        return {"VolumesModifications": [{"ModificationState": state, "TargetSize": volume.size}]}
