"""EBS volumes, by the EC2 API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Deadline, Refusal, persist

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.settings import Settings

#: The value is the environment's name; the instance's role may touch no volume without it.
ENVIRONMENT_TAG = "nextflow-batch:environment"
#: Who made a volume, so that what an instance leaves behind can be recognised.
INSTANCE_TAG = "nextflow-batch:instance"
#: Which growth a volume was made for, so that an interrupted one finds it again.
GROWTH_TAG = "nextflow-batch:growth"

#: /dev/xvdba itself is the launch template's.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
DEVICE_NAMES = [f"/dev/xvd{one}{two}" for one in "cd" for two in "abcdefghijklmnopqrstuvwxyz"]


def connect(settings: Settings) -> Any:
    """Return an EC2 client with the instance's own credentials.

    Raises:
        Refusal: boto3 is not installed.
    """
    try:
        import boto3  # noqa: PLC0415 - provisioning installs it after this module is loaded
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        message = f"the EC2 client is missing: {error}"
        raise Refusal(message) from error
    # Adaptive: thousands of workers share the account's rate of calls.
    retries = {"mode": "adaptive", "total_max_attempts": 5}
    config = Config(retries=retries, connect_timeout=5, read_timeout=15)  # type: ignore[arg-type]
    return boto3.client("ec2", region_name=settings.region, config=config)


class Volumes:
    """The volumes that this instance adds to its scratch disk."""

    def __init__(self, host: Host, settings: Settings, client: Any) -> None:
        """Take the instance, what it may do, and an EC2 client."""
        self._host = host
        self._settings = settings
        self._client = client

    def find(self, growth: str) -> str | None:
        """Return the id of the volume made for a growth, if there is one."""
        for volume in self._describe(Filters=[_filter(f"tag:{GROWTH_TAG}", growth)]):
            return str(volume["VolumeId"])
        return None

    def create(self, growth: str, size_gib: int) -> str:
        """Order a gp3 volume; the same growth gets the same volume, however often it asks.

        Returns:
            The volume's id.

        Raises:
            Refusal: EC2 does not make it.
        """
        tags = {
            **self._settings.volume_tags,
            "Name": f"nextflow-batch {self._settings.environment} scratch",
            ENVIRONMENT_TAG: self._settings.environment,
            INSTANCE_TAG: self._settings.instance_id,
            GROWTH_TAG: growth,
        }
        key = {"KmsKeyId": self._settings.scratch_kms_key} if self._settings.scratch_kms_key else {}
        # What a small volume may have at most: 500 IOPS for each GiB, a MiB/s for each 4 IOPS.
        # https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
        iops = min(self._settings.scratch_iops, max(3000, 500 * size_gib))
        made = self._call(
            "create_volume",
            AvailabilityZone=self._settings.availability_zone,
            VolumeType="gp3",
            Size=size_gib,
            Iops=iops,
            Throughput=min(self._settings.scratch_throughput_mibs, iops // 4),
            Encrypted=True,
            **key,
            ClientToken=growth,
            TagSpecifications=[
                {
                    "ResourceType": "volume",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ],
        )
        return str(made["VolumeId"])

    def attach(self, volume_id: str, deadline: Deadline) -> None:
        """Attach a volume to this instance and see to it that both end together.

        A volume attached after launch outlives its instance unless that is changed, so it is
        changed at once, before the device is waited for.
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html

        Raises:
            Refusal: The volume does not become available, or EC2 does not attach it.
        """
        state = self._wait(volume_id, {"available", "in-use"}, deadline)
        if state["State"] == "available":
            name = self._free_name()
            self._call(
                "attach_volume",
                VolumeId=volume_id,
                InstanceId=self._settings.instance_id,
                Device=name,
            )
        else:
            name = self._own_name(state)
        mapping = {"DeviceName": name, "Ebs": {"VolumeId": volume_id, "DeleteOnTermination": True}}
        # EC2 may not know the attachment yet.
        persist(
            self._host,
            deadline,
            lambda: self._call(
                "modify_instance_attribute",
                InstanceId=self._settings.instance_id,
                BlockDeviceMappings=[mapping],
            ),
            first=0.5,
            most=4,
        )

    def discard(self, volume_id: str, deadline: Deadline) -> None:
        """Detach and delete a volume that is not part of scratch; none is left is success too.

        Raises:
            Refusal: It is still there.
        """
        try:
            state = self._wait(volume_id, {"available", "in-use", "error", "deleted"}, deadline)
            if state["State"] == "in-use":
                self._call(
                    "detach_volume",
                    VolumeId=volume_id,
                    InstanceId=self._settings.instance_id,
                    Device=self._own_name(state),
                )
                self._wait(volume_id, {"available", "error", "deleted"}, deadline)
            if state["State"] != "deleted":
                persist(
                    self._host, deadline, lambda: self._call("delete_volume", VolumeId=volume_id)
                )
        except _GoneError:
            return

    def _wait(self, volume_id: str, states: set[str], deadline: Deadline) -> dict[str, Any]:
        last = "unknown"
        while True:
            for volume in self._look(volume_id, states):
                last = volume["State"]
                if last in states:
                    return volume
                if last == "error":
                    # A key that cannot be used shows only here.
                    message = f"{volume_id} went into state error; may the role use its KMS key?"
                    raise Refusal(message)
            try:
                deadline.remaining()
            except Refusal as late:
                message = f"{volume_id} is {last}, not {' or '.join(sorted(states))}: {late}"
                raise Refusal(message) from late
            self._host.pause(1)

    def _look(self, volume_id: str, states: set[str]) -> list[dict[str, Any]]:
        try:
            return self._describe(VolumeIds=[volume_id])
        except _GoneError:
            if "deleted" in states:
                raise
            # EC2's answers are eventually consistent: a new volume may not be known yet.
            return []

    def _own_name(self, volume: dict[str, Any]) -> str:
        for attachment in volume["Attachments"]:
            if attachment["InstanceId"] == self._settings.instance_id:
                return str(attachment["Device"])
        message = f"{volume['VolumeId']} is attached to another instance"
        raise Refusal(message)

    def _free_name(self) -> str:
        mine = self._describe(
            Filters=[_filter("attachment.instance-id", self._settings.instance_id)]
        )
        used = {attachment["Device"] for volume in mine for attachment in volume["Attachments"]}
        for name in DEVICE_NAMES:
            if name not in used:
                return name
        message = f"all {len(DEVICE_NAMES)} device names are used"
        raise Refusal(message)

    def _describe(self, **arguments: Any) -> list[dict[str, Any]]:
        volumes: list[dict[str, Any]] = self._call("describe_volumes", **arguments)["Volumes"]
        return volumes

    def _call(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see connect

        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            kind = _GoneError if code == "InvalidVolume.NotFound" else Refusal
            message = f"{operation}: {error.response['Error']['Message']} ({code})"
            raise kind(message) from error
        except BotoCoreError as error:
            message = f"{operation}: {error}"
            raise Refusal(message) from error


class _GoneError(Refusal):
    """The volume does not exist, or not yet."""


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}
