"""What root in a container can open of the network that tasks share with their host.

The filter is that of workers, on this machine's kernel and Docker; `make test-kernel` has the
whole worker.
"""

from __future__ import annotations

import json
import platform
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assets.go_program import AWS_CLIENT
from nextflow_worker.provision import packet_sockets
from tests.support.task_image import engine

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENS = {
    "AF_PACKET",
    "AF_PACKET SOCK_DGRAM",
    "AF_INET SOCK_PACKET",
    "AF_INET SOCK_RAW",
    "AF_INET6 SOCK_RAW",
    "AF_XDP",
}


@pytest.fixture(scope="module")
def dockers() -> dict[str, Any]:
    """Docker's own profile, from the program that workers have it from."""
    command = [str(AWS_CLIENT.here()), "docker-seccomp-profile"]
    done = subprocess.run(command, check=True, capture_output=True)
    profile: dict[str, Any] = json.loads(done.stdout)
    return profile


def _names(profile: dict[str, list[dict[str, list[str]]]]) -> set[str]:
    return {name for rule in profile["syscalls"] for name in rule["names"]}


def test_the_profile_is_dockers_in_all_but_sockets(dockers: dict[str, Any]) -> None:
    ours = packet_sockets.profile(dockers)

    assert _names(ours) == _names(dockers)
    sockets = {"socket", "socketcall"}
    others = [rule for rule in dockers["syscalls"] if not sockets & set(rule["names"])]
    assert [rule for rule in others if rule not in ours["syscalls"]] == []
    assert {key: ours[key] for key in ours if key != "syscalls"} == {
        key: dockers[key] for key in dockers if key != "syscalls"
    }


def test_no_socket_can_be_opened_by_io_uring(dockers: dict[str, Any]) -> None:
    ours = packet_sockets.profile(dockers)

    assert [name for name in _names(ours) if "io_uring" in name] == []


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if engine() is None:
        pytest.skip("no Docker engine answers")
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no /usr/bin/python3, which the container runs")
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    archive.write_bytes(packet_sockets._image())
    name = "nextflow-batch/packet-sockets-test"
    subprocess.run(["docker", "import", archive, name], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "rmi", "--force", name], check=True, capture_output=True)


@pytest.fixture
def filtered(tmp_path: Path, dockers: dict[str, Any]) -> str:
    """Docker's option for the profile of workers."""
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(packet_sockets.profile(dockers)))
    return f"--security-opt=seccomp={profile}"


def _run(image: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["docker", "run", "--rm", "--network=host", "--user=0", *map(str, words)]
    position = command.index("IMAGE")
    command[position] = image
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _python(image: str, code: str, *options: str) -> str:
    words = ("--volume=/usr:/usr:ro", *options, "IMAGE", "/usr/bin/python3", "-c", code)
    done = _run(image, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.docker
def test_root_opens_nothing_that_hears_others(image: str, filtered: str) -> None:
    """With Docker's own profile, root opens each of them."""
    assert set(_python(image, packet_sockets._PROBE).split("\n")) >= LISTENS
    assert _python(image, packet_sockets._PROBE, filtered) == "AF_INET\n"


#: Hears one segment to the port of its argument, and says what is in it.
_LISTEN = """
import socket
hears = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
hears.settimeout(5)
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.sendall(b"credentials")
while b"credentials" not in hears.recv(65535):
    pass
print("heard")
"""


@pytest.mark.docker
def test_a_raw_ip_socket_hears_other_processes_and_is_refused(image: str, filtered: str) -> None:
    """Refusing AF_PACKET alone would leave it: https://man7.org/linux/man-pages/man7/raw.7.html."""
    assert _python(image, _LISTEN) == "heard\n"
    words = ("--volume=/usr:/usr:ro", filtered, "IMAGE", "/usr/bin/python3", "-c", _LISTEN)
    assert "Operation not permitted" in _run(image, *words).stderr


_ORDINARY = """
import socket
socket.getaddrinfo("localhost", 80)
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for flag in (0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK):
            socket.socket(family, kind | flag).close()
socket.socketpair()
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
print(socket.if_nameindex()[0][1])
"""


@pytest.mark.docker
def test_ordinary_programs_notice_nothing(image: str, filtered: str) -> None:
    assert _python(image, _ORDINARY, filtered) == _python(image, _ORDINARY)


#: Each calls it for AF_PACKET and ends with its error number, or 253 for descriptor 3.
_END = "89c3 f7db b801000000 cd80"  # ebx = -eax; exit
_I386 = {
    "socketcall": "6800030000 6a03 6a11 89e1 bb01000000 b866000000 cd80" + _END,
    "socket": "bb11000000 b903000000 ba00030000 b867010000 cd80" + _END,
}


def _elf32(code: bytes) -> bytes:
    """A program: https://man7.org/linux/man-pages/man5/elf.5.html."""
    base, size = 0x08048000, 84 + len(code)
    header = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 0x1000)
    return b"\x7fELF\x01\x01\x01" + bytes(9) + header + segment + code


@pytest.mark.docker
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the programs are for x86")
@pytest.mark.parametrize(("call", "error"), [("socketcall", 38), ("socket", 1)])
def test_32_bit_programs_open_nothing_either(
    image: str, filtered: str, tmp_path: Path, call: str, error: int
) -> None:
    program = tmp_path / "program"
    program.write_bytes(_elf32(bytes.fromhex(_I386[call])))
    program.chmod(0o755)
    volume = f"--volume={tmp_path}:/x:ro"

    unfiltered = _run(image, volume, "IMAGE", "/x/program").returncode
    if unfiltered == 126:
        pytest.skip("this kernel runs no 32-bit programs")
    assert unfiltered == 253
    assert _run(image, volume, filtered, "IMAGE", "/x/program").returncode == error
