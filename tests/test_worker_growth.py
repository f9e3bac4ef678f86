"""How scratch grows by EBS volumes, against an emulated EC2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from nextflow_worker import growth as growths
from nextflow_worker.deadline import Deadline, Refusal
from nextflow_worker.growth import Growth
from nextflow_worker.scratch import Scratch
from nextflow_worker.settings import Settings
from nextflow_worker.volumes import Volumes
from nextflow_worker.watch import COOL_DOWN, Watch
from tests.worker_machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGES = ["create_volume", "attach_volume", "modify_instance_attribute"]


class _Death(BaseException):
    """The daemon is gone, from one instruction to the next."""


class _Ec2:
    """An EC2 client that can refuse, die before or after a call, and that honours client tokens.

    Attributes:
        real: moto's client.
        calls: The operations that were called.
        refuse: Operations that are refused, with their error.
        die: An operation, and whether the death comes before or after it.
    """

    def __init__(self, machine: Machine, real: Any) -> None:
        self.real = real
        self.machine = machine
        self.calls: list[str] = []
        self.refuse: dict[str, Exception] = {}
        self.die: tuple[str, str] | None = None
        self.tokens: dict[str, Any] = {}

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append(operation)
            if self.die == (operation, "before"):
                raise _Death
            if operation in self.refuse:
                raise self.refuse[operation]
            answer = self._answer(operation, arguments)
            if self.die == (operation, "after"):
                raise _Death
            return answer

        return call

    def _answer(self, operation: str, arguments: dict[str, Any]) -> Any:
        token = arguments.get("ClientToken")
        # moto makes a second volume for the same token; EC2 does not:
        # https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
        if token in self.tokens:
            return self.tokens[token]
        answer = getattr(self.real, operation)(**arguments)
        if token:
            self.tokens[token] = answer
        if operation == "attach_volume":
            serial = arguments["VolumeId"].replace("-", "", 1)
            number = 2 + len(self.machine.ran("appear"))
            self.machine.commands.append("appear")
            self.machine.add_disk(f"nvme{number}", serial)
        return answer


class _Worker:
    """An instance with scratch, and the means to grow it; made anew after each death."""

    def __init__(self, root: Path, client: Any) -> None:
        self.machine = Machine(root)
        self.machine.add_root_disk()
        self.ec2 = _Ec2(self.machine, client)
        image = self.ec2.real.register_image(Name=root.name)["ImageId"]
        launched = self.ec2.real.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, Placement={"AvailabilityZone": "us-west-2b"}
        )
        self.instance_id = launched["Instances"][0]["InstanceId"]
        self.settings = Settings(
            region="us-west-2",
            environment=root.name,
            instance_id=self.instance_id,
            availability_zone="us-west-2b",
            scratch_device="/dev/xvdba",
            scratch_iops=3000,
            scratch_throughput_mibs=250,
            scratch_max_size_gib=1000,
            scratch_max_volumes=5,
            volume_tags={"project": "genomes"},
        )
        self.scratch = Scratch(self.machine)
        self.scratch.assemble(lambda _: "/dev/nvme1n1", Deadline(self.machine, 60))
        self.start()

    def start(self) -> None:
        volumes = Volumes(self.machine, self.settings, self.ec2)
        self.growth = Growth(self.machine, self.settings, self.scratch, volumes)
        self.watch = Watch(self.machine, self.scratch, self.growth)

    def grow(self) -> int:
        size = self.growth.next_size(Deadline(self.machine, 60))
        self.machine.sizes_gib["/dev/nvme2n1"] = size
        return self.growth.grow()

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """Return the volumes that carry the environment's tag."""
        wanted = [{"Name": "tag:nextflow-batch:environment", "Values": [self.settings.environment]}]
        found: list[dict[str, Any]] = self.ec2.real.describe_volumes(Filters=wanted)["Volumes"]
        return found

    @property
    def clean(self) -> bool:
        return not self.machine.path(growths.LEDGER).exists()

    def end_together(self) -> bool:
        """Tell whether all added volumes go when the instance goes."""
        self.ec2.real.terminate_instances(InstanceIds=[self.instance_id])
        return self.volumes == []


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Make one client for all tests: its making takes longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield boto3.client("ec2", "us-west-2")


@pytest.fixture
def worker(tmp_path: Path, client: Any) -> _Worker:
    return _Worker(tmp_path, client)


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "you may not"}}, "Operation")


def test_growth_adds_an_encrypted_gp3_volume_that_ends_with_the_instance(worker: _Worker) -> None:
    assert worker.grow() == 50
    (volume,) = worker.volumes
    assert volume["Encrypted"]
    assert (volume["VolumeType"], volume["Size"]) == ("gp3", 50)
    assert (volume["Iops"], volume["Throughput"]) == (3000, 250)
    assert volume["AvailabilityZone"] == "us-west-2b"
    assert volume["Attachments"][0]["InstanceId"] == worker.instance_id
    tags = {tag["Key"]: tag["Value"] for tag in volume["Tags"]}
    assert tags["project"] == "genomes"
    assert tags["nextflow-batch:instance"] == worker.instance_id
    assert worker.machine.group == ["/dev/nvme1n1", "/dev/nvme2n1"]
    assert worker.machine.in_volume == 150
    assert worker.clean
    assert worker.end_together()


def test_the_volume_is_bound_to_the_instance_right_after_attaching(worker: _Worker) -> None:
    worker.grow()
    attach = worker.ec2.calls.index("attach_volume")
    assert worker.ec2.calls[attach + 1] == "modify_instance_attribute"
    assert len(worker.ec2.calls) == 5


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", CHANGES)
def test_after_a_death_the_same_growth_is_finished(
    worker: _Worker, operation: str, moment: str
) -> None:
    worker.ec2.die = (operation, moment)
    with pytest.raises(_Death):
        worker.grow()
    worker.ec2.die = None
    worker.start()
    worker.growth.resume()
    (volume,) = worker.volumes
    assert volume["State"] == "in-use"
    assert worker.machine.group == ["/dev/nvme1n1", "/dev/nvme2n1"]
    assert worker.clean
    assert worker.end_together()


@pytest.mark.parametrize("command", ["vgextend", "lvextend", "xfs_growfs"])
def test_a_volume_that_lvm_has_is_never_deleted(worker: _Worker, command: str) -> None:
    worker.machine.broken = {command: "no lock"}
    with pytest.raises(Refusal, match="no lock"):
        worker.grow()
    assert len(worker.volumes) == 1
    worker.machine.broken = {}
    worker.start()
    worker.growth.resume()
    assert worker.machine.in_volume == 150
    assert worker.clean
    assert worker.end_together()


@pytest.mark.parametrize("operation", ["attach_volume", "modify_instance_attribute"])
def test_a_growth_that_is_refused_leaves_no_volume(worker: _Worker, operation: str) -> None:
    worker.ec2.refuse = {operation: _refusal("UnauthorizedOperation")}
    with pytest.raises(Refusal, match=rf"{operation}: you may not \(UnauthorizedOperation\)"):
        worker.grow()
    assert worker.volumes == []
    assert worker.clean
    assert worker.machine.group == ["/dev/nvme1n1"]


def test_a_device_that_never_appears_leaves_no_volume(
    worker: _Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.machine, "add_disk", lambda *_: None)
    with pytest.raises(Refusal, match=r"no block device of vol-[0-9a-f]+ appeared"):
        worker.grow()
    assert worker.volumes == []
    assert worker.clean
    assert worker.machine.clock < growths.GROW_SECONDS + growths.DISCARD_SECONDS


@pytest.mark.parametrize("operation", ["detach_volume", "delete_volume"])
def test_a_volume_that_cannot_be_deleted_is_remembered_and_deleted_later(
    worker: _Worker, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(worker.machine, "add_disk", lambda *_: None)
    worker.ec2.refuse = {operation: _refusal("RequestLimitExceeded")}
    with pytest.raises(Refusal, match="RequestLimitExceeded"):
        worker.grow()
    assert len(worker.volumes) == 1
    ledger = json.loads(worker.machine.path(growths.LEDGER).read_text())
    assert ledger["discard"]
    worker.ec2.refuse = {}
    worker.start()
    worker.growth.resume()
    assert worker.volumes == []
    assert worker.clean


def test_a_creation_without_an_answer_makes_one_volume_in_the_end(worker: _Worker) -> None:
    make = worker.ec2._answer

    def lost(operation: str, arguments: dict[str, Any]) -> Any:
        answer = make(operation, arguments)
        if operation == "create_volume" and len(worker.ec2.tokens) == 1:
            worker.ec2.tokens["lost"] = None
            raise ConnectTimeoutError(endpoint_url="https://ec2")
        return answer

    worker.ec2._answer = lost  # type: ignore[method-assign]
    with pytest.raises(Refusal, match="Connect timeout"):
        worker.grow()
    worker.start()
    worker.growth.resume()
    assert len(worker.volumes) == 1
    assert worker.clean


def test_a_volume_that_ec2_does_not_know_yet_is_waited_for(worker: _Worker) -> None:
    make, unknown = worker.ec2._answer, iter(range(2))

    def late(operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "describe_volumes" and "VolumeIds" in arguments:
            for _ in unknown:
                raise _refusal("InvalidVolume.NotFound")
        return make(operation, arguments)

    worker.ec2._answer = late  # type: ignore[method-assign]
    worker.grow()
    assert worker.clean


def test_ceilings_are_kept_and_named(worker: _Worker) -> None:
    worker.settings = _with(worker.settings, scratch_max_size_gib=120)
    worker.start()
    assert worker.grow() == 20
    with pytest.raises(Refusal, match="scratch has 120 GiB, its ceiling is 120"):
        worker.growth.grow()
    worker.settings = _with(worker.settings, scratch_max_volumes=2)
    worker.start()
    with pytest.raises(Refusal, match="scratch has 2 volumes, its ceiling"):
        worker.growth.grow()
    assert len(worker.volumes) == 1


def _with(settings: Settings, **changes: int) -> Settings:
    return Settings(**{**vars(settings), **changes})


def test_the_watch_grows_when_space_runs_low_and_only_then(worker: _Worker) -> None:
    worker.machine.used_gib = 60
    worker.watch.look()
    assert worker.ec2.calls == []
    worker.machine.used_gib = 75
    worker.machine.sizes_gib["/dev/nvme2n1"] = 50
    worker.watch.look()
    assert worker.machine.in_volume == 150
    worker.watch.look()
    assert worker.machine.in_volume == 150


def test_the_watch_waits_longer_after_each_failure_and_says_why(
    worker: _Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.machine.used_gib = 90
    worker.ec2.refuse = {"create_volume": _refusal("VolumeLimitExceeded")}
    for _ in range(3600):
        worker.watch.look()
        worker.machine.pause(1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 6 < worker.ec2.calls.count("create_volume") == len(lines) < 20
    assert "VolumeLimitExceeded" in lines[0]["reason"]
    assert COOL_DOWN[0] / 2 <= lines[0]["next_try_s"] <= COOL_DOWN[0]
    assert max(line["next_try_s"] for line in lines) <= COOL_DOWN[1]


def test_at_the_ceiling_the_watch_calls_nobody(worker: _Worker) -> None:
    worker.settings = _with(worker.settings, scratch_max_volumes=1)
    worker.start()
    worker.machine.used_gib = 99
    for _ in range(600):
        worker.watch.look()
        worker.machine.pause(1)
    assert worker.ec2.calls == []


def test_the_watch_refuses_a_folder_that_is_not_scratch(worker: _Worker) -> None:
    worker.machine.mounts.discard("/scratch")
    with pytest.raises(Refusal, match="no scratch disk is mounted"):
        worker.watch.look()
