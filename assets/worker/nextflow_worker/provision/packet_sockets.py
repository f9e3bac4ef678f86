"""Keeps tasks from reading what passes on the network that they share with the host.

Batch runs jobs in the host's network, and Docker lets root in a container open sockets that hear
every packet of it: other tasks' credentials, which come by plain HTTP, among them
(docs/adr/0020-what-a-task-can-do-to-its-host.md).
https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from typing import TYPE_CHECKING, Any

from nextflow_worker.error import WorkerError
from nextflow_worker.service import client

if TYPE_CHECKING:
    from nextflow_worker.deadline import Deadline
    from nextflow_worker.host import Host

DAEMON = "/etc/docker/daemon.json"
PROFILE = "/etc/docker/nextflow-batch-seccomp.json"

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _DGRAM = 1, 2
#: Beside the type, the argument has two flags. https://man7.org/linux/man-pages/man2/socket.2.html
_TYPE_MASK = 0xF
_ENOSYS = 38

#: What must not open, with what must, or nothing was tested. SOCK_PACKET is AF_PACKET's old name.
_PROBE = """
import socket
for name, arguments in {
    "AF_PACKET": (17, 3, 0x300),
    "AF_PACKET SOCK_DGRAM": (17, 2, 0x300),
    "AF_INET SOCK_PACKET": (2, 10, 0x300),
    "AF_INET SOCK_RAW": (2, 3, 6),
    "AF_INET6 SOCK_RAW": (10, 3, 6),
    "AF_XDP": (44, 3, 0),
    "AF_INET": (2, 1, 0),
}.items():
    try:
        socket.socket(*arguments).close()
        print(name)
    except OSError:
        pass
"""
_ORDINARY = "AF_INET"
_IMAGE = "nextflow-batch-probe"


def profile(dockers: dict[str, Any]) -> dict[str, Any]:
    """Return Docker's default profile, with ordinary sockets only.

    A list of what is allowed, as there is more than one way to hear others: AF_PACKET, also by its
    old name AF_INET with SOCK_PACKET, AF_XDP, and raw sockets of IP, which get a copy of each
    segment that the host receives. Docker's profile has no io_uring, which could open them too.

    Args:
        dockers: Docker's own: https://github.com/moby/profiles/tree/main/seccomp
    """
    rules = []
    for rule in dockers["syscalls"]:
        names = [name for name in rule["names"] if name not in {"socket", "socketcall"}]
        if names:
            rules.append({**rule, "names": names})
    rules += [_allowed(_equals(0, family)) for family in (_UNIX, _NETLINK)]
    rules += [
        _allowed(_equals(0, family), _masked(1, _TYPE_MASK, kind))
        for family in (_INET, _INET6)
        for kind in (_STREAM, _DGRAM)
    ]
    # How 32-bit programs once opened sockets; a filter cannot see which. Their C libraries have
    # used socket itself since Linux 4.3.
    refused = {"names": ["socketcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS}
    return {**dockers, "syscalls": [*rules, refused]}


def _allowed(*arguments: dict[str, Any]) -> dict[str, Any]:
    return {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": list(arguments)}


def _equals(index: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def _masked(index: int, mask: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}


def configure(host: Host, deadline: Deadline) -> None:
    """Make the profile that of all containers from Docker's next start on.

    One that the AMI brings stays; `prove` tells whether it is as good.

    Raises:
        WorkerError: Docker's configuration cannot be read.
    """
    dockers = json.loads(host.run(client(), "docker-seccomp-profile", deadline=deadline))
    host.write(PROFILE, json.dumps(profile(dockers)))
    path = host.path(DAEMON)
    try:
        settings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        message = f"{DAEMON} is no JSON object: {error}"
        raise WorkerError(message) from error
    if not isinstance(settings, dict):
        message = f"{DAEMON} is no JSON object"
        raise WorkerError(message)
    if "seccomp-profile" not in settings:
        host.write(DAEMON, json.dumps({**settings, "seccomp-profile": PROFILE}, indent=2))


def prove(host: Host, deadline: Deadline) -> None:
    """Try to open such sockets as root in a container in the host's network, as tasks are.

    Raises:
        WorkerError: One could be opened, or nobody can tell.
    """
    archive = host.path("/run/nextflow-batch/probe.tar")
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(_image())
    host.run("docker", "import", str(archive), _IMAGE, deadline=deadline)
    archive.unlink()
    output = host.run(
        *("docker", "run", "--rm", "--network=host", "--user=0", "--volume=/usr:/usr:ro", _IMAGE),
        *(sys.executable, "-c", _PROBE),
        deadline=deadline,
    )
    host.run("docker", "rmi", "--force", _IMAGE, deadline=deadline)
    opened = output.splitlines()
    if _ORDINARY not in opened:
        message = "a container could open no socket at all, so nothing was tested"
        raise WorkerError(message)
    opened.remove(_ORDINARY)
    if opened:
        message = (
            f"root in a container can open {' and '.join(opened)}, and read what other tasks send:"
            f" remove seccomp-profile from {DAEMON}, or use a stricter one"
        )
        raise WorkerError(message)


def _image() -> bytes:
    """Return an image that has nothing of its own: what it runs is the host's, in /usr."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as image:
        folder = tarfile.TarInfo("usr")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        image.addfile(folder)
        for name in ("bin", "lib", "lib64"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            image.addfile(link)
    return content.getvalue()
