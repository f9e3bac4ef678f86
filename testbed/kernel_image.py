"""A machine's disk for the kernel tests: Debian with its stock cloud kernel, made from packages.

Made once and kept below build/. What an ECS-optimized AMI brings and Debian does not is put in: a
pretended ecs.service that writes down each start, and a shell on the second serial port.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stacks import paths

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = paths.ROOT / "build" / "kernel"
_REVISION = 2  # of what is done below
SUITE = "bookworm"  # systemd 252 and Linux 6.1, as Amazon Linux 2023 has
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "curl", "ca-certificates"),
    *("lvm2", "xfsprogs", "cloud-init", "docker.io", "iptables"),
)
#: What provisioning installs, under Debian's names.
DOWNLOADED = ("lvm2", "xfsprogs")
_GET = ("apt-get", "install", "--yes", "--no-install-recommends")
#: Written to the console and counted by it; the console outlives a power-off.
AGENT_STARTED = "ECS AGENT STARTED"

_ECS = f"""[Unit]
Description=Stands in for the ECS agent
Wants=docker.service
PartOf=docker.service
After=docker.service
After=cloud-final.service

[Service]
Type=simple
Restart=on-failure
RestartSec=10s
ExecStartPre=/bin/systemctl --quiet is-active docker
ExecStart=/bin/sh -c 'echo "$(cut -d " " -f 1 /proc/uptime) {AGENT_STARTED}" >/dev/console; exec sleep infinity'

[Install]
WantedBy=multi-user.target
"""

_SHELL = """[Unit]
Description=A shell for the test
DefaultDependencies=no

[Service]
ExecStart=/usr/bin/python3 -u /usr/local/lib/test-shell
Restart=always

[Install]
WantedBy=sysinit.target
"""

# One line in, one line out, both in base64: a command, and its status and output.
_SHELL_PROGRAM = """
import base64, os, subprocess, termios, tty
port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
tty.setraw(port)
lines = os.fdopen(port, "r+b", buffering=0)
lines.write(b"hello\\n")
rest = b""
while True:
    got = lines.read(4096)
    if not got:
        continue
    rest += got
    while b"\\n" in rest:
        line, _, rest = rest.partition(b"\\n")
        done = subprocess.run(["bash", "-c", base64.b64decode(line)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        answer = b"%d:" % done.returncode + base64.b64encode(done.stdout) + b"\\n"
        while answer:
            answer = answer[lines.write(answer):]
"""

# QEMU's NVMe controllers all call themselves "QEMU NVMe Ctrl", so what EC2's would say is laid over
# the kernel's file by the serial number, which QEMU lets us choose.
_MODELS = """#!/bin/bash
mkdir -p /run/models
printf '%-40s\\n' 'Amazon Elastic Block Store' >/run/models/vol
printf '%-40s\\n' 'Amazon EC2 NVMe Instance Storage' >/run/models/AWS
for controller in /sys/class/nvme/nvme*; do
  serial=$(cat "$controller/serial")
  [ ! -f "/run/models/${serial:0:3}" ] ||
    mount --bind "/run/models/${serial:0:3}" "$(readlink -f "$controller")/model"
done
"""

_MODELS_UNIT = """[Unit]
Description=Says which disks are EBS volumes and which instance store
DefaultDependencies=no
After=systemd-udev-settle.service
Wants=systemd-udev-settle.service
Before=sysinit.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/nvme-models

[Install]
WantedBy=sysinit.target
"""

# What DHCP gives an instance. Before cloud-init, which asks the metadata service for user data.
_LINK = """[Unit]
Description=The link to the emulated AWS
DefaultDependencies=no
After=systemd-udev-settle.service
Wants=systemd-udev-settle.service
Before=cloud-init-local.service network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for link in /sys/class/net/e*; do ip link set $${link##*/} up && ip addr add 169.254.0.15/16 dev $${link##*/}; done'

[Install]
WantedBy=sysinit.target
"""

_CLOUD = """datasource_list: [Ec2]
datasource: {Ec2: {metadata_urls: ["http://169.254.169.254"]}}
network: {config: disabled}
cloud_init_modules: [bootcmd, write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
"""

# What calls AWS runs in these units: user data within cloud-final. An instance has no such variable.
_ENDPOINTS = """[Service]
Environment=AWS_ENDPOINT_URL=http://169.254.0.4
"""

_FILES: dict[str, tuple[str, int]] = {
    "etc/systemd/system/ecs.service": (_ECS, 0o644),
    "etc/systemd/system/test-shell.service": (_SHELL, 0o644),
    "etc/systemd/system/nvme-models.service": (_MODELS_UNIT, 0o644),
    "etc/systemd/system/link.service": (_LINK, 0o644),
    "etc/cloud/cloud.cfg.d/99-test.cfg": (_CLOUD, 0o644),
    "etc/fstab": ("LABEL=root / ext4 defaults 0 1\n", 0o644),
    **{
        f"etc/systemd/system/{unit}.service.d/test.conf": (_ENDPOINTS, 0o644)
        for unit in ("cloud-final", "nextflow-worker-boot", "nextflow-worker-watch")
    },
    "etc/hostname": ("worker\n", 0o644),
    "usr/local/lib/test-shell": (_SHELL_PROGRAM, 0o644),
    "usr/local/sbin/nvme-models": (_MODELS, 0o755),
}
_SIZE_MIB = 4096
_UNITS = ("ecs", "link", "nvme-models", "test-shell")
#: Timers and generators of a general-purpose Debian that an AMI does not have.
_NOT_WANTED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service", "e2scrub_all.timer"),
    *("fstrim.timer", "dpkg-db-backup.timer", "cloud-init-hotplugd.socket", "getty@tty1.service"),
    *("serial-getty@ttyS0.service", "systemd-binfmt.service", "systemd-timesyncd.service"),
    *("modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service"),
)
# Those of a general-purpose Debian again; systemd runs all of them at each `daemon-reload`.
_GENERATORS_NOT_WANTED = (
    *("cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local"),
    *("run", "system-update", "sysv", "veritysetup"),
)


class NoKernel(RuntimeError):  # noqa: N818 - a state of the machine, not a fault
    """This machine cannot run or make the guest; the message says why, in a sentence."""


@dataclass(frozen=True)
class Image:
    """What a guest boots.

    Attributes:
        kernel: The kernel's file.
        disk: The root file system's.
        downloads: Bytes of the packages that provisioning installs, with what they need and a
            minimal Debian lacks.
    """

    kernel: Path
    disk: Path
    downloads: int


def ensure() -> Image:
    """Return the image, made now if it is not there yet.

    Raises:
        NoKernel: A program is missing, or Debian's packages cannot be had.
    """
    needed = {"qemu-system-x86_64": "qemu-system-x86", "debootstrap": "debootstrap"}
    for program, package in needed.items():
        if shutil.which(program) is None:
            raise NoKernel(f"no {program}: apt-get install --no-install-recommends {package}")
    if os.geteuid() != 0:
        raise NoKernel("making the guest's disk needs root, for debootstrap")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:  # The tests run in two processes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensured()


def _ensured() -> Image:
    system = _folder("system", SUITE, PACKAGES)
    if not system.exists():
        _made(system, _install)
    disk = _folder(
        *("disk", _REVISION, system.name),
        *(_FILES, _UNITS, _NOT_WANTED, _GENERATORS_NOT_WANTED),
    )
    if not disk.exists():
        _made(disk, lambda part: _finish(system, part))
    return Image(system / "kernel", disk / "disk", int((system / "downloads").read_text()))


def _folder(kind: str, *content: object) -> Path:
    digest = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
    return _FOLDER / f"{kind}-{digest}"


def _made(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all, in the place of earlier ones of its kind."""
    for old in folder.parent.glob(folder.name.partition("-")[0] + "-*"):
        shutil.rmtree(old)
    part = folder.with_name(folder.name + ".part")
    part.mkdir()
    make(part)
    part.rename(folder)


def _install(folder: Path) -> None:
    """Install Debian and its kernel, without a mount."""
    root = folder / "root"
    _run("debootstrap", "--variant=minbase", SUITE, str(root))
    # Nothing is started while it is installed.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    uris = _chroot(root, *_GET, "--print-uris", *DOWNLOADED)
    sizes = [line.split()[2] for line in uris.splitlines() if line.startswith("'")]
    (folder / "downloads").write_text(str(sum(map(int, sizes))))
    _chroot(root, *_GET, *PACKAGES)
    depends = _chroot(root, "apt-cache", "depends", "linux-image-cloud-amd64").split()
    (name,) = [word for word in depends if word.startswith("linux-image-6")]
    # Its own dependencies would make an initrd, which a kernel with NVMe and ext4 does not need.
    _chroot(root, "sh", "-c", f"cd /var/cache && apt-get download {name}")
    (package,) = (root / "var/cache").glob("linux-image*.deb")
    _run("dpkg-deb", "-x", str(package), str(folder / "package"))
    package.unlink()
    (kernel,) = (folder / "package/boot").glob("vmlinuz-*")
    # Not unpacked into the root, where /lib is a link that it would replace.
    shutil.move(folder / "package/lib/modules", root / "usr/lib/modules")
    kernel.rename(folder / "kernel")
    shutil.rmtree(folder / "package")
    _chroot(root, "depmod", kernel.name.partition("-")[2])
    _chroot(root, "apt-get", "clean")
    shutil.rmtree(root / "var/lib/apt/lists")


def _finish(system: Path, folder: Path) -> None:
    """Put our own files in and make a file system of it."""
    root = folder / "root"
    _run("cp", "--archive", "--reflink=auto", str(system / "root"), str(root))
    for path, (text, mode) in _FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
    # Debian's comes after multi-user.target, which would come after the agent, which comes after
    # it; elsewhere cloud-init's unit has no such line.
    # https://github.com/canonical/cloud-init/blob/main/systemd/cloud-final.service
    unit = root / "usr/lib/systemd/system/cloud-final.service"
    unit.write_text(unit.read_text().replace("After=multi-user.target\n", ""))
    # The address is given; cloud-init would ask for one.
    (root / "usr/sbin/dhclient").unlink(missing_ok=True)
    _chroot(root, "systemctl", "enable", *_UNITS)
    _chroot(root, "systemctl", "mask", *_NOT_WANTED)
    generators = root / "etc/systemd/system-generators"
    generators.mkdir(exist_ok=True)
    for name in _GENERATORS_NOT_WANTED:
        (generators / f"systemd-{name}-generator").symlink_to("/dev/null")
    disk = folder / "disk"
    with disk.open("wb") as file:
        # A partition table of one partition, whose name (PARTUUID) is in the kernel's command line:
        # the order of NVMe disks is not stable.
        file.write(_partition_table(_SIZE_MIB))
        file.truncate(_SIZE_MIB << 20)
    _run(
        *("mkfs.ext4", "-q", "-F", "-E", "offset=1048576", "-L", "root", "-d", str(root)),
        *(str(disk), f"{_SIZE_MIB - 1}m"),
    )
    shutil.rmtree(root)


def _partition_table(size_mib: int) -> bytes:
    """A master boot record: signature 6e786662, one Linux partition from 1 MiB to the end."""
    entry = b"\0\xfe\xff\xff\x83\xfe\xff\xff" + (2048).to_bytes(4, "little")
    entry += ((size_mib - 1) * 2048).to_bytes(4, "little")
    signature = 0x6E786662.to_bytes(4, "little")
    return bytes(440) + signature + bytes(2) + entry + bytes(48) + b"\x55\xaa"


def _chroot(root: Path, *command: str) -> str:
    return _run("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", *command)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [*(done.stdout + done.stderr).strip().splitlines(), "no output"]
        wrong = [line for line in lines if line.startswith("E:")]
        raise NoKernel(f"{' '.join(command[:3])} failed: {(wrong or lines[-2:])[0]}")
    return done.stdout
