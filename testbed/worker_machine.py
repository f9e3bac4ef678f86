"""A pretended machine for the tests of the worker's programs."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.host import GIB, Host, Space
from nextflow_worker.settings import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

#: Of Docker's profile, what the worker changes and something that it keeps.
DOCKERS_PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [{"names": ["read", "socket", "socketcall"], "action": "SCMP_ACT_ALLOW"}],
}
EBS = "Amazon Elastic Block Store"
INSTANCE = {"instance_id": "i-0123456789abcdef0", "availability_zone": "us-west-2b"}
_SCRATCH = {
    "size_gib": 100,
    "iops": 3000,
    "throughput_mibs": 250,
    "max_size_gib": 4000,
    "max_volumes": 24,
    "max_usd_per_month": 500.0,
    "gp3_usd_per_gib": 0.08,
    "gp3_usd_per_iops": 0.005,
    "gp3_usd_per_mibs": 0.04,
    "freeze_seconds": 0,
}


def worker_document(**changes: object) -> dict[str, Any]:
    """What a launch template tells a worker, with some values changed, those of scratch too."""
    scratch = {key: changes.pop(key, value) for key, value in _SCRATCH.items()}
    return {
        "region": "us-west-2",
        "deployment": "lab",
        "log_group": "",
        "asset_bucket": "programs",
        "asset_key": "worker.zip",
        "asset_sha256": "0" * 64,
        "fetch_seconds": 180,
        "provision_seconds": 1260,
        "scratch_device": "/dev/xvdba",
        "scratch": scratch,
        "volume_key": "",
        "volume_tags": {},
        **changes,
    }


def refused(code: str, status: int) -> str:
    """What the AWS client prints when a service refuses."""
    return json.dumps({"Refused": {"Code": code, "Message": "it is so", "Status": status}})


class Machine(Host):
    """A host whose files are in a folder and whose commands and clock are pretended.

    LVM, XFS, mounts and packages are kept as state, so that what a program does twice can be told
    from what it does once.

    Attributes:
        commands: All commands that were run, each as one line.
        broken: Beginnings of commands that fail, each with what it says.
        signatures: What a block device carries, by its path.
        group: The disks of the volume group, in order; none when there is no group.
        sizes_gib: Size of a disk by its path; 100 when it is not in here.
        volume: Whether the logical volume is there.
        mounts: Mount points.
        bound: Which folder is bound where.
        installed: Whether the packages are there.
        used_gib: How much is written on scratch.
        free_inodes: Share of the inodes of scratch that is free.
        dirty_gib: How much of what was written is in memory only.
        docker_root: What Docker says its root is.
        archive_version: Which AWS CLI the download holds.
        cgroups: What Docker says of its cgroups.
        metadata: Addresses that the host's own programs reach.
        leaks: Addresses that tasks reach too, in spite of the slice's unit.
        packet_sockets: What root in a container can open with another profile than ours.
        asked: What AWS was asked for: region, service and operation, and the arguments.
        answers: What it says, one after the other, and the last one ever after.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commands: list[str] = []
        self.broken: dict[str, str] = {}
        self.signatures: dict[str, str] = {}
        self.group: list[str] = []
        self.sizes_gib: dict[str, int] = {}
        self.volume = False
        self.in_volume = 0
        self.mounts: set[str] = set()
        self.bound: dict[str, str] = {}
        self.installed = False
        self.used_gib = 0.0
        self.free_inodes = 1.0
        self.dirty_gib = 0.0
        self.docker_root = "/var/lib/docker"
        self.archive_version = "2.36.11"
        self.cgroups = "systemd 2"
        self.metadata = ["169.254.169.254"]
        self.leaks: list[str] = []
        self.packet_sockets = ["AF_PACKET", "AF_INET SOCK_RAW"]
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.answers = [refused("DryRunOperation", 412)]
        self.path("/proc/sys/vm").mkdir(parents=True)
        self.path("/proc/meminfo").write_text("MemTotal: 16384000 kB\n")
        self.clock = 0.0

    def write_document(self, **changes: object) -> None:
        """Write what user data does at the first boot."""
        self.write(DOCUMENT, json.dumps({**worker_document(), **changes}))

    def add_disk(self, controller: str, serial: str, model: str = EBS) -> None:
        """Let an NVMe disk appear in sysfs."""
        folder = self.path(f"/sys/class/nvme/{controller}")
        (folder / f"{controller}n1").mkdir(parents=True)
        (folder / "serial").write_text(f"{serial:<20}\n")
        (folder / "model").write_text(f"{model:<40}\n")
        self.path(f"/sys/class/block/{controller}n1/holders").mkdir(parents=True)

    def add_root_disk(self) -> None:
        """Let the root volume appear, with a partition."""
        self.add_disk("nvme0", "vol0000000000000root")
        partition = self.path("/sys/class/block/nvme0n1/nvme0n1p1")
        partition.mkdir()
        (partition / "partition").write_text("1\n")

    def run(self, *command: str, deadline: Deadline, stdin: str = "") -> str:
        deadline.remaining()
        line = " ".join(command).replace(str(self.root), "")
        self.commands.append(line)
        for beginning, said in self.broken.items():
            if line.startswith(beginning):
                message = f"{' '.join(command[:2])} ended with status 1: {said}"
                raise WorkerError(message)
        name = command[0].rpartition("/")[2].replace(".", "_").replace("-", "_")
        if name == "aws_client" and command[1:] == ("docker-seccomp-profile",):
            return json.dumps(DOCKERS_PROFILE)
        if name == "aws_client":
            self.asked.append((command[1:], json.loads(stdin)))
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        do = getattr(self, "_" + name, None)
        answer = do(*command[1:]) if do else ""
        return str(answer or "")

    def ran(self, beginning: str) -> list[str]:
        """Return the commands that begin so."""
        return [line for line in self.commands if line.startswith(beginning)]

    def now(self) -> float:
        return self.clock

    def pause(self, seconds: float) -> None:
        self.clock += seconds

    def is_mount(self, absolute: str) -> bool:
        return absolute in self.mounts

    def same_filesystem(self, one: str, other: str) -> bool:
        scratch = {"/scratch", *self.bound}
        return (one in scratch) == (other in scratch)

    def space(self, absolute: str) -> Space:
        assert absolute == "/scratch"
        free = int((self.in_volume - self.used_gib) * GIB)
        return Space(self.in_volume * GIB, free, self.free_inodes)

    def holds(self, device: str, absolute: str) -> bool:
        return (device, absolute) == ("/dev/nextflow/scratch", "/scratch") and self.is_mount(
            absolute
        )

    def dirty(self) -> int:
        return int(self.dirty_gib * GIB)

    def wall(self) -> float:
        return 1_800_000_000 + self.clock

    def reboot(self) -> None:
        """Forget what a reboot forgets."""
        self.mounts.clear()
        self.bound.clear()
        self.commands.clear()
        for file in self.path("/run").rglob("*"):
            if file.is_file():
                file.unlink()

    def _size(self) -> int:
        return sum(self.sizes_gib.get(disk, 100) for disk in self.group)

    def _lvm(self, *_: str) -> None:
        if not self.installed:
            raise WorkerError("lvm cannot be run: No such file or directory")

    def _dnf(self, *_: str) -> None:
        self.installed = True

    def _wipefs(self, *arguments: str) -> str:
        return self.signatures.get(arguments[-1], "")

    def _vgs(self, *arguments: str) -> str:
        column = arguments[arguments.index("--options") + 1]
        spare = self._size() - self.in_volume if self.volume else self._size()
        values = {
            "vg_name": "nextflow",
            "vg_free_count": f"{spare * 256}",
        }
        return f"  {values[column]}\n" if self.group else ""

    def _lvs(self, *_: str) -> str:
        return "  scratch\n" if self.volume else ""

    def _pvs(self, *arguments: str) -> str:
        if "pv_name,pv_size" in arguments:
            sizes = {disk: self.sizes_gib.get(disk, 100) * GIB - (4 << 20) for disk in self.group}
            return "".join(f"  {disk} {size}\n" for disk, size in sizes.items())
        return "".join(f"  {disk}\n" for disk in self.group)

    def _pvresize(self, disk: str) -> None:
        sectors = self.path(disk.replace("/dev/", "/sys/class/block/") + "/size").read_text()
        self.sizes_gib[disk] = int(sectors) * 512 // GIB

    def _vgcreate(self, _: str, *disks: str) -> None:
        assert not self.group
        for disk in disks:
            self._vgextend(_, disk)

    def _vgextend(self, _: str, disk: str) -> None:
        assert disk not in self.group
        self.group.append(disk)
        self.signatures[disk] = "LVM2_member"

    def _lvcreate(self, *arguments: str) -> None:
        assert not self.volume
        self.volume = True
        disks = [word for word in arguments if word in self.group] or self.group
        self.in_volume = sum(self.sizes_gib.get(disk, 100) for disk in disks)

    def _lvextend(self, *_: str) -> None:
        assert self.in_volume < self._size()
        self.in_volume = self._size()

    def _mkfs_xfs(self, *arguments: str) -> None:
        if arguments == ("-V",):
            if not self.installed:
                raise WorkerError("mkfs.xfs cannot be run: No such file or directory")
            return
        assert arguments[-1] not in self.signatures
        self.signatures[arguments[-1]] = "xfs"

    def _mount(self, *arguments: str) -> None:
        source, target = (text.replace(str(self.root), "") for text in arguments[-2:])
        assert target not in self.mounts
        self.mounts.add(target)
        if "--bind" in arguments:
            self.bound[target] = source

    def _docker(self, *arguments: str) -> str:
        if arguments[0] == "run":
            profile = json.loads(self.path("/etc/docker/daemon.json").read_text())
            ours = profile["seccomp-profile"] == "/etc/docker/nextflow-batch-seccomp.json"
            return "\n".join(["AF_INET", *([] if ours else self.packet_sockets)])
        if arguments[0] != "info":
            return ""
        return self.cgroups if "Cgroup" in arguments[-1] else self.docker_root

    def _python3(self, *_: str) -> str:
        return "\n".join(self.metadata)

    def _systemd_run(self, *arguments: str) -> str:
        unit = self.path("/etc/systemd/system/ecstasks.slice")
        denied = unit.exists() and "--slice=ecstasks.slice" in arguments
        return "\n".join(self.leaks if denied else self.metadata)

    def _curl(self, *arguments: str) -> None:
        target = arguments[arguments.index("--output") + 1]
        with zipfile.ZipFile(target, "w") as bundle:
            bundle.writestr("aws/install", "")
            entry = zipfile.ZipInfo("aws/dist/aws")
            entry.external_attr = 0o100755 << 16
            bundle.writestr(entry, "#!/bin/sh\n")
            link = zipfile.ZipInfo("aws/dist/libz.so")
            link.external_attr = 0o120777 << 16
            bundle.writestr(link, "libz.so.1")

    def _chroot(self, root: str, program: str, *_: str) -> str:
        assert (self.path("/opt/aws-cli") / program.lstrip("/")).is_file()
        return "nextflow-batch-task-s3/1"

    def _aws(self, *_: str) -> str:
        return f"aws-cli/{self.archive_version} Python/3.13.4 Linux/6.1"
