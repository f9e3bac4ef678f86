"""The scratch disk: found, made, mounted again and grown."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name

from nextflow_worker import nvme
from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.events import Events
from nextflow_worker.growth.attachment_limit import AttachmentLimit
from nextflow_worker.growth.controller import GrowthController
from nextflow_worker.growth.disk_usage import DiskUsage
from nextflow_worker.growth.ebs_volumes import EbsVolumes
from nextflow_worker.growth.ec2_calls import Ec2Calls
from nextflow_worker.growth.growth_log import GrowthLog
from nextflow_worker.growth.latency import Latency
from nextflow_worker.growth.volume_growth import Tools
from nextflow_worker.host import GIB, Host
from nextflow_worker.provision import scratch_device
from nextflow_worker.scratch import Scratch
from nextflow_worker.service import Service
from nextflow_worker.settings import Settings
from testbed.worker_machine import Machine, worker_document

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    fresh = Machine(tmp_path)
    fresh.add_root_disk()
    return fresh


def _blank(machine: Machine) -> str:
    return scratch_device.blank(machine, "/dev/xvdba", Deadline(machine, 60))


def test_the_only_blank_ebs_volume_is_the_scratch_volume(machine: Machine) -> None:
    machine.add_disk("nvme1", "AWS1234", "Amazon EC2 NVMe Instance Storage")
    machine.add_disk("nvme2", "vol0123456789abcdef0")
    assert _blank(machine) == "/dev/nvme2n1"


def test_of_two_blank_volumes_the_one_of_the_launch_template_is_taken(machine: Machine) -> None:
    machine.add_disk("nvme1", "vol0123456789abcdef0")
    machine.add_disk("nvme2", "vol0123456789abcdef1")
    machine.path("/dev").mkdir()
    machine.path("/dev/nvme2n1").touch()
    machine.path("/dev/xvdba").symlink_to("nvme2n1")
    assert _blank(machine) == "/dev/nvme2n1"


def test_two_blank_volumes_and_no_name_are_refused(machine: Machine) -> None:
    machine.add_disk("nvme1", "vol0123456789abcdef0")
    machine.add_disk("nvme2", "vol0123456789abcdef1")
    with pytest.raises(WorkerError, match=r"blank EBS volumes: /dev/nvme1n1, /dev/nvme2n1"):
        _blank(machine)


def test_a_missing_volume_is_waited_for_and_then_refused(machine: Machine) -> None:
    with pytest.raises(WorkerError, match=r"/dev/xvdba not found; blank EBS volumes: none"):
        _blank(machine)
    assert 60 <= machine.clock < 70


def test_a_volume_with_data_is_never_taken(machine: Machine) -> None:
    machine.add_disk("nvme1", "vol0123456789abcdef0")
    machine.signatures["/dev/nvme1n1"] = "ext4"
    with pytest.raises(WorkerError, match="blank EBS volumes: none"):
        _blank(machine)
    machine.path("/dev").mkdir()
    machine.path("/dev/nvme1n1").touch()
    machine.path("/dev/xvdba").symlink_to("nvme1n1")
    with pytest.raises(WorkerError, match=r"\(/dev/nvme1n1\) already contains data"):
        _blank(machine)


def test_another_filesystem_on_the_volume_is_refused(machine: Machine) -> None:
    machine.group, machine.volume = ["/dev/nvme1n1"], True
    machine.signatures["/dev/nextflow/scratch"] = "ext4"
    with pytest.raises(WorkerError, match="contains ext4, not xfs"):
        Scratch(machine).assemble(lambda _: "/dev/nvme1n1", Deadline(machine, 60))


def test_what_is_not_mounted_has_no_space(machine: Machine) -> None:
    with pytest.raises(WorkerError, match="no scratch disk is mounted at /scratch"):
        Scratch(machine).space()


def test_an_extension_that_was_interrupted_is_finished(machine: Machine) -> None:
    scratch = Scratch(machine)
    scratch.assemble(lambda _: "/dev/nvme1n1", Deadline(machine, 60))
    for last in ("vgextend", "lvextend", "xfs_growfs"):
        machine.broken = {last: "killed"}
        with pytest.raises(WorkerError, match="killed"):
            scratch.extend("/dev/nvme2n1", Deadline(machine, 60))
    machine.broken = {}
    scratch.extend("/dev/nvme2n1", Deadline(machine, 60))
    scratch.extend("/dev/nvme2n1", Deadline(machine, 60))
    assert machine.group == ["/dev/nvme1n1", "/dev/nvme2n1"]
    assert machine.in_volume == sum(scratch.sizes(Deadline(machine, 60)).values()) == 200


def test_the_instances_own_disks_are_used_first_and_the_volume_is_spare(machine: Machine) -> None:
    stores = ["/dev/nvme1n1", "/dev/nvme2n1"]
    scratch = Scratch(machine)
    scratch.assemble(lambda _: "/dev/nvme3n1", Deadline(machine, 60), stores=stores)
    assert machine.group == [*stores, "/dev/nvme3n1"]
    assert "--stripes 2" in machine.ran("lvcreate")[0]
    assert machine.in_volume == 200
    assert scratch.take_spare(Deadline(machine, 60))
    assert machine.in_volume == 300
    assert not scratch.take_spare(Deadline(machine, 60))


def test_a_boot_that_ended_before_striping_is_finished_by_the_next(machine: Machine) -> None:
    stores = ["/dev/nvme1n1", "/dev/nvme2n1"]
    machine.broken = {"lvcreate": "power failure"}
    scratch = Scratch(machine)
    for _ in range(2):
        with pytest.raises(WorkerError, match="power failure"):
            scratch.assemble(lambda _: "/dev/nvme3n1", Deadline(machine, 60), stores=stores)
    machine.broken = {}
    scratch.assemble(lambda _: pytest.fail("asked for"), Deadline(machine, 60), stores=stores)
    assert machine.in_volume == 200


def test_instance_store_is_told_from_ebs_by_its_model(machine: Machine) -> None:
    machine.add_disk("nvme1", "vol0123456789abcdef0")
    machine.add_disk("nvme2", "AWS22222222222222222", "Amazon EC2 NVMe Instance Storage")
    machine.add_disk("nvme3", "AWS33333333333333333", "Amazon EC2 NVMe Instance Storage")
    assert scratch_device.stores(machine) == ["/dev/nvme2n1", "/dev/nvme3n1"]
    assert _blank(machine) == "/dev/nvme1n1"


def _missing_for_real_disks() -> str | None:
    if os.geteuid() != 0:
        return "making loop devices needs root"
    tools = ["losetup", "lvm", "mkfs.xfs", "xfs_growfs", "wipefs"]
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (packages lvm2, xfsprogs)"
    if "xfs" not in Path("/proc/filesystems").read_text():
        return "this kernel has no XFS"
    if not Path("/dev/loop-control").exists():
        return "this machine has no loop devices"
    return None


def _try(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


class _NoDeviceMapper(Host):
    """Real LVM on real disks where the kernel has no device mapper.

    LVM then keeps its metadata all the same but shows no volume, so a loop device of the volume's
    size stands in for it; XFS on it is real.
    """

    def __init__(self, volume: str, backing: Path) -> None:
        super().__init__()
        self.volume = volume
        self._backing = backing
        self._loop = ""

    def run(self, *command: str, deadline: Deadline, stdin: str = "") -> str:
        no_driver = ["--driverloaded", "n"]
        if command[0] == "vgchange":
            return ""
        if command[0] == "lvcreate":
            no_driver += ["--activate", "n", "--zero", "n", "--wipesignatures", "n"]
        if command[0].startswith(("vg", "lv", "pv")):
            answer = super().run(command[0], *no_driver, *command[1:], deadline=deadline)
            self._resize(command[0], deadline)
            return answer
        return super().run(
            *(self._translated(word) for word in command), deadline=deadline, stdin=stdin
        )

    def holds(self, device: str, absolute: str) -> bool:
        return super().holds(self._translated(device), absolute)

    def _translated(self, word: str) -> str:
        return self._loop if word == self.volume else word

    def _resize(self, command: str, deadline: Deadline) -> None:
        if command not in {"lvcreate", "lvextend"}:
            return
        size = self.run(
            *("lvs", "--noheadings", "--nosuffix", "--units", "b", "--options", "lv_size"),
            self.volume.removeprefix("/dev/"),
            deadline=deadline,
        )
        with self._backing.open("ab") as file:
            file.truncate(int(size))
        if command == "lvextend":
            super().run("losetup", "--set-capacity", self._loop, deadline=deadline)
        else:
            find = ("losetup", "--find", "--show", str(self._backing))
            self._loop = super().run(*find, deadline=deadline)

    def close(self) -> None:
        if self._loop:
            _try("losetup", "--detach", self._loop)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[list[str]]:
    """Give three blank disks, sized as small as XFS takes them."""
    why = _missing_for_real_disks()
    if why:
        pytest.skip(why)
    with ExitStack() as stack:
        made = []
        for number in range(3):
            image = tmp_path / f"disk{number}"
            with image.open("wb") as file:
                file.truncate(400 << 20)
            loop = subprocess.run(
                ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
            ).stdout.strip()
            stack.callback(_try, "losetup", "--detach", loop)
            made.append(loop)
        yield made


@contextmanager
def _real(tmp_path: Path) -> Iterator[tuple[Host, Scratch, str]]:
    """Real LVM and XFS, taken apart again at the end: host, scratch and its volume group."""
    group, mount_point = f"nfb-test-{secrets.token_hex(4)}", tmp_path / "scratch"
    real = _try("dmsetup", "version")
    host = Host() if real else _NoDeviceMapper(f"/dev/{group}/scratch", tmp_path / "volume")
    with ExitStack() as stack:
        if isinstance(host, _NoDeviceMapper):
            stack.callback(host.close)
        driver = [] if real else ["--driverloaded", "n"]
        stack.callback(_try, "vgremove", *driver, "-f", "-y", group)
        stack.callback(_try, "umount", str(mount_point))
        yield host, Scratch(host, mount_point=str(mount_point), volume_group=group), group


def test_real_lvm_stripes_over_stores_and_then_takes_the_volume_in(
    tmp_path: Path, disks: list[str]
) -> None:
    volume, *stores = disks
    with _real(tmp_path) as (host, scratch, group):
        scratch.assemble(lambda _: volume, Deadline(host, 60), stores=stores)
        before = scratch.space()
        assert scratch.take_spare(Deadline(host, 60))
        assert scratch.space().total > 1.4 * before.total
        segments = host.run(
            *("lvs", "--noheadings", "--options", "segtype,stripes,devices", "--segments", group),
            deadline=Deadline(host, 60),
        )
        found = [line.split() for line in segments.splitlines()]
        assert [row[:2] for row in found] == [["striped", "2"], ["linear", "1"]]
        assert all(store in found[0][2] for store in stores)
        assert volume in found[1][2]


def test_real_lvm_and_xfs_grow_under_data_and_come_back(tmp_path: Path, disks: list[str]) -> None:
    mount_point = tmp_path / "scratch"
    with _real(tmp_path) as (host, scratch, group):
        scratch.assemble(lambda _: disks[0], Deadline(host, 60))
        before = scratch.space()
        content = os.urandom(64 << 20)
        (mount_point / "result").write_bytes(content)
        # Nothing was synced: unlike btrfs, XFS tells at once what is written.
        assert before.free - scratch.space().free >= len(content)

        scratch.extend(disks[1], Deadline(host, 60))
        scratch.extend(disks[1], Deadline(host, 60))
        assert scratch.disks(Deadline(host, 60)) == disks[:2]
        assert scratch.space().total > 1.8 * before.total

        subprocess.run(["umount", mount_point], check=True)
        if not isinstance(host, _NoDeviceMapper):
            subprocess.run(["vgchange", "-an", group], check=True, capture_output=True)
        scratch.assemble(lambda _: pytest.fail("a disk was asked for"), Deadline(host, 60))
        found = (mount_point / "result").read_bytes()
        assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
        options = Path("/proc/self/mounts").read_text()
        (line,) = [line for line in options.splitlines() if str(mount_point) in line]
        assert "noatime" in line
        assert "allocsize=65536k" in line
        assert scratch.space().total > 1.8 * before.total


class _Instance(Host):
    """A real machine whose volumes are loop devices that look like NVMe disks.

    Attributes:
        disks: The loop device of each disk, by the path that LVM and the daemon know.
    """

    def __init__(self, inner: Host, root: Path) -> None:
        super().__init__()
        self.disks: dict[str, str] = {}
        self._inner = inner
        self._root = root

    def path(self, absolute: str) -> Path:
        pretended = absolute.startswith(("/sys/", "/var/lib/nextflow-batch"))
        return self._root / absolute.lstrip("/") if pretended else Path(absolute)

    def run(self, *command: str, deadline: Deadline, stdin: str = "") -> str:
        words = [self.disks.get(word, word) for word in command]
        answer = self._inner.run(*words, deadline=deadline, stdin=stdin)
        for disk, loop in self.disks.items():
            answer = re.sub(rf"{loop}\b", disk, answer)
        return answer

    def holds(self, device: str, absolute: str) -> bool:
        return self._inner.holds(device, absolute)

    def add(self, volume_id: str, image: Path, size: int, stack: ExitStack) -> None:
        """Attach a file as a volume."""
        with image.open("wb") as file:
            file.truncate(size)
        loop = self._inner.run(
            "losetup", "--find", "--show", str(image), deadline=Deadline(self, 60)
        )
        stack.callback(_try, "losetup", "--detach", loop)
        name = f"nvme{len(self.disks)}"
        self.disks[f"/dev/{name}n1"] = loop
        controller = self.path(f"/sys/class/nvme/{name}")
        (controller / f"{name}n1").mkdir(parents=True)
        (controller / "serial").write_text(volume_id.replace("-", "", 1))
        self.path(f"/sys/class/block/{name}n1").mkdir(parents=True)
        self.resize(volume_id, image, size)

    def resize(self, volume_id: str, image: Path, size: int) -> None:
        """Let a volume be larger."""
        with image.open("ab") as file:
            file.truncate(size)
        volumes = nvme.volumes(self)
        (disk,) = (disk for disk, found in volumes.items() if found == volume_id)
        loop = self.disks[disk]
        self._inner.run("losetup", "--set-capacity", loop, deadline=Deadline(self, 60))
        block = self.path(disk.replace("/dev/", "/sys/class/block/", 1))
        (block / "size").write_text(f"{size // 512}\n")


class _LoopEc2(Service):
    """An EC2 whose volumes are files."""

    def __init__(self, host: _Instance, folder: Path, stack: ExitStack) -> None:
        self.sizes: dict[str, int] = {}
        self.host = host
        self._folder = folder
        self._stack = stack

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self, "_" + xform_name(operation))(**arguments)
        return answer

    def _describe_instance_types(self, **_: Any) -> Any:
        info = {"MaximumEbsAttachments": 28, "AttachmentLimitType": "dedicated"}
        return {"InstanceTypes": [{"EbsInfo": info}]}

    def _create_volume(self, **arguments: Any) -> Any:
        volume_id = f"vol-{len(self.sizes) + 1:017x}"
        self.sizes[volume_id] = arguments["Size"]
        return {"VolumeId": volume_id}

    def _describe_volumes(self, **arguments: Any) -> Any:
        (volume_id,) = arguments["VolumeIds"]
        return {"Volumes": [{"VolumeId": volume_id, "State": "available", "Attachments": []}]}

    def _attach_volume(self, **arguments: Any) -> Any:
        volume_id = arguments["VolumeId"]
        image = self._folder / volume_id
        self.host.add(volume_id, image, self.sizes[volume_id] * GIB, self._stack)
        return {}

    def _modify_instance_attribute(self, **_: Any) -> Any:
        return {}

    def _modify_volume(self, **arguments: Any) -> Any:
        volume_id, size = arguments["VolumeId"], arguments["Size"]
        self.sizes[volume_id] = size
        self.host.resize(volume_id, self._folder / volume_id, size * GIB)
        return {}


def test_the_daemon_adds_and_then_enlarges_real_disks_under_data(tmp_path: Path) -> None:
    why = _missing_for_real_disks()
    if why:
        pytest.skip(why)
    with _real(tmp_path) as (inner, named, group), ExitStack() as stack:
        host = _Instance(inner, tmp_path / "root")
        stack.callback(_try, "umount", named.mount_point)
        first = "vol-00000000000000000"
        host.add(first, tmp_path / first, 1 * GIB, stack)
        scratch = Scratch(host, mount_point=named.mount_point, volume_group=group)
        scratch.assemble(lambda _: "/dev/nvme0n1", Deadline(host, 60))
        content = os.urandom(8 << 20)
        (Path(scratch.mount_point) / "result").write_bytes(content)
        ec2 = _LoopEc2(host, tmp_path, stack)
        ec2.sizes[first] = 1
        identity = {"instance_id": "i-0123", "availability_zone": "us-west-2b"}
        settings = Settings.parse(
            worker_document(throughput_mibs=125, max_size_gib=100, max_volumes=3, **identity)
        )
        events, calls = Events(), Ec2Calls(host, ec2)
        volumes = EbsVolumes(host, settings, calls)
        tools = Tools(host, calls, GrowthLog(host), volumes, scratch, Latency(host))
        usage = DiskUsage(host, scratch)
        controller = GrowthController(
            tools, settings, usage, AttachmentLimit(host, calls, events), events
        )

        def grown_to(gib: float) -> bool:
            for _ in range(2000):
                controller.turn()
                if usage.look().total > gib and not controller.busy:
                    return True
                host.pause(0.02)
            return False

        # A disk of 1 GiB is short of space from the beginning.
        assert grown_to(10)
        assert len(ec2.sizes) == 3
        disks = set(scratch.disks(Deadline(host, 60)))
        subprocess.run(
            ["fallocate", "-l", f"{int(usage.reading.free) - 2}G", "large"],
            cwd=scratch.mount_point,
            check=True,
        )
        # Three volumes are the maximum.
        assert grown_to(usage.look().total + 5)
        assert set(scratch.disks(Deadline(host, 60))) == disks
        assert sum(ec2.sizes.values()) == pytest.approx(usage.reading.total, abs=1)
        assert (Path(scratch.mount_point) / "result").read_bytes() == content
