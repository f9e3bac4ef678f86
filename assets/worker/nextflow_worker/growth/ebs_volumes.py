"""EBS volumes, by the EC2 API: each method is one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextflow_worker.error import WorkerError
from nextflow_worker.growth import gp3
from nextflow_worker.growth.ec2_calls import CallRefusedError

if TYPE_CHECKING:
    from nextflow_worker.growth.ec2_calls import Calls
    from nextflow_worker.host import Host
    from nextflow_worker.settings import Settings

#: The value is the deployment's name; the instance's role may touch no volume without it.
DEPLOYMENT_TAG = "nextflow-batch:deployment"
#: Who made a volume, so that what an instance leaves behind can be recognised.
INSTANCE_TAG = "nextflow-batch:instance"
#: Which growth a volume was made for, so that an interrupted one finds it again.
GROWTH_TAG = "nextflow-batch:growth"

#: /dev/xvdba itself is the launch template's.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
DEVICE_NAMES = [f"/dev/xvd{one}{two}" for one in "cd" for two in "abcdefghijklmnopqrstuvwxyz"]


#: Volumes that are looked for within this time are looked for in one call.
TOGETHER_SECONDS = 0.4


def order(settings: Settings, growth: str, size_gib: int) -> dict[str, Any]:
    """Return what CreateVolume is told of a gp3 volume for a growth."""
    tags = {
        **settings.volume_tags,
        "Name": f"nextflow-batch {settings.deployment} scratch",
        DEPLOYMENT_TAG: settings.deployment,
        INSTANCE_TAG: settings.instance_id,
        GROWTH_TAG: growth,
    }
    performance = gp3.performance(settings, size_gib)
    volume = {
        "AvailabilityZone": settings.availability_zone,
        "VolumeType": "gp3",
        "Size": size_gib,
        "Iops": performance.iops,
        "Throughput": performance.mibs,
        "Encrypted": True,
        "TagSpecifications": [
            {
                "ResourceType": "volume",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    }
    return volume | ({"KmsKeyId": settings.volume_key} if settings.volume_key else {})


class EbsVolumes:
    """The volumes that this instance adds to its scratch disk."""

    def __init__(self, host: Host, settings: Settings, calls: Calls) -> None:
        """Take a clock, what the instance may do, and EC2's calls."""
        self._host = host
        self._settings = settings
        self._calls = calls
        self._names: set[str] = set()
        self._polled: set[str] = set()
        self._polled_at = float("-inf")
        self._known: dict[str, dict[str, Any]] = {}

    def find(self, growth: str) -> str:
        """Return the id of the volume made for a growth, empty if there is none."""
        for volume in self._describe(Filters=[_filter(f"tag:{GROWTH_TAG}", growth)]):
            return str(volume["VolumeId"])
        return ""

    def unattached(self) -> list[dict[str, Any]]:
        """Return the volumes that were made for any growth in this deployment and are unused."""
        return self._describe(
            Filters=[
                _filter(f"tag:{DEPLOYMENT_TAG}", self._settings.deployment),
                _filter("tag-key", GROWTH_TAG),
                _filter("status", "available"),
            ]
        )

    def create(self, growth: str, size_gib: int) -> str:
        """Order a gp3 volume; the same growth gets the same volume, however often it asks.

        Returns:
            The volume's id.
        """
        what = order(self._settings, growth, size_gib)
        return str(self._calls.call("CreateVolume", **what, ClientToken=growth)["VolumeId"])

    def describe(self, volume_id: str) -> dict[str, Any]:
        """Return what EC2 knows of a volume, nothing if it knows none.

        Its answers are eventually consistent: a new volume may not be known yet.
        https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
        """
        try:
            return next(iter(self._describe(VolumeIds=[volume_id])), {})
        except CallRefusedError as refusal:
            if refusal.code == "InvalidVolume.NotFound":
                return {}
            raise

    def poll(self, volume_id: str) -> dict[str, Any]:
        """Return what EC2 knows of a volume that it is making, as `describe` does.

        Volumes that are made at the same time are asked for together.
        """
        self._polled.add(volume_id)
        now = self._host.now()
        if now - self._polled_at > TOGETHER_SECONDS or not self._known.get(volume_id):
            try:
                volumes = self._describe(VolumeIds=sorted(self._polled))
            except CallRefusedError:
                return self.describe(volume_id)  # One of them is unknown.
            self._polled_at = now
            self._known = {volume["VolumeId"]: volume for volume in volumes}
        volume = self._known.get(volume_id, {})
        if volume.get("State") != "creating":
            self._polled.discard(volume_id)
        return volume

    def device_name(self, volume: dict[str, Any]) -> str:
        """Return the name under which a volume is attached to this instance.

        Raises:
            WorkerError: It is attached to another one.
        """
        for attachment in volume.get("Attachments", []):
            if attachment["InstanceId"] == self._settings.instance_id:
                return str(attachment["Device"])
        message = f"{volume['VolumeId']} is attached to another instance"
        raise WorkerError(message)

    def attach(self, volume_id: str) -> str:
        """Attach a volume to this instance and return its device name."""
        try:
            return self._attach(volume_id)
        except CallRefusedError as refusal:
            if refusal.code != "InvalidParameterValue":
                raise
        # The name is taken, by a volume of an earlier daemon.
        mine = _filter("attachment.instance-id", self._settings.instance_id)
        self._names = {
            attachment["Device"]
            for volume in self._describe(Filters=[mine])
            for attachment in volume.get("Attachments", [])
        }
        return self._attach(volume_id)

    def _attach(self, volume_id: str) -> str:
        name = next((name for name in DEVICE_NAMES if name not in self._names), None)
        if name is None:
            message = f"all {len(DEVICE_NAMES)} device names are used"
            raise WorkerError(message)
        self._calls.call(
            "AttachVolume",
            VolumeId=volume_id,
            InstanceId=self._settings.instance_id,
            Device=name,
        )
        self._names.add(name)
        return name

    def delete_on_termination(self, volume_id: str, device_name: str) -> None:
        """See to it that an attached volume ends with this instance.

        A volume attached after launch outlives its instance unless that is changed.
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
        """
        ebs = {"VolumeId": volume_id, "DeleteOnTermination": True}
        self._calls.call(
            "ModifyInstanceAttribute",
            InstanceId=self._settings.instance_id,
            BlockDeviceMappings=[{"DeviceName": device_name, "Ebs": ebs}],
        )

    def detach(self, volume_id: str) -> None:
        """Detach a volume from this instance."""
        self._calls.call("DetachVolume", VolumeId=volume_id, InstanceId=self._settings.instance_id)

    def delete(self, volume_id: str) -> None:
        """Delete a volume that is not attached; one that EC2 does not know is."""
        try:
            self._calls.call("DeleteVolume", VolumeId=volume_id)
        except CallRefusedError as refusal:
            if refusal.code != "InvalidVolume.NotFound":
                raise

    def modify(self, volume_id: str, size_gib: int) -> None:
        """Order a volume to become larger."""
        self._calls.call("ModifyVolume", VolumeId=volume_id, Size=size_gib)

    def modification(self, volume_id: str) -> dict[str, Any]:
        """Return what EC2 says of a volume's latest modification."""
        answer = self._calls.call("DescribeVolumesModifications", VolumeIds=[volume_id])
        return next(iter(answer.get("VolumesModifications", [])), {})

    def _describe(self, **arguments: Any) -> list[dict[str, Any]]:
        answer = self._calls.call("DescribeVolumes", **arguments)
        volumes: list[dict[str, Any]] = answer.get("Volumes", [])
        return volumes


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}
