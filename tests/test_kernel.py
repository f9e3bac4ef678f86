"""The deployed user data and daemon on a real kernel: boot, growth, reboot.

Needs QEMU and, once, root for making the guest's disk. `make test-kernel` runs them beside
`test_kernel_starts.py`, in about five minutes on two free cores with the making of the disk. The
tests stand in the order of the guest's life.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from testbed.kernel_guest import METADATA, TASK_CREDENTIALS
from testbed.kernel_image import AGENT_STARTED as STARTED
from testbed.kernel_worker import BOOT_SECONDS, switched_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.kernel_image import Image
    from testbed.kernel_worker import Life, Worker

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(900)]

# Half a GiB a second: 4 MiB of content that can be told, the rest allocated and not written, as
# emulated disks are slow.
WRITER = """
import os, random, sys, time
folder, count, check = "/scratch/task", int(sys.argv[1]), sys.argv[2:] == ["check"]
os.makedirs(folder, exist_ok=True)
longest = 0
for number in range(count):
    content = random.Random(number).randbytes(4 << 20)
    if check:
        with open("%s/%d" % (folder, number), "rb") as file:
            if file.read(4 << 20) != content:
                sys.exit("file %d is not what was written" % number)
        continue
    begin = time.monotonic()
    with open("%s/%d" % (folder, number), "xb") as file:
        file.write(content)
        os.posix_fallocate(file.fileno(), 4 << 20, 508 << 20)
    longest = max(longest, time.monotonic() - begin)
    time.sleep(0.8)
print("longest write %.1f s" % longest)
"""
FILES = 60  # Half as much again as there is room for at first.
UNIT = "systemd-run --quiet --collect --unit=writer --slice=ecstasks-writer.slice"


@pytest.fixture(scope="module")
def life(
    guest_image: Image, guest_worker: Worker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    with switched_on(guest_image, guest_worker, tmp_path_factory.mktemp("guest")) as life:
        life.guest.wait_for_shell(BOOT_SECONDS)
        life.guest.until(STARTED, BOOT_SECONDS)
        yield life


def test_the_agent_starts_once_everything_is_done(life: Life) -> None:
    steps = re.findall(r"nextflow-batch: (.+): done in", life.guest.console)
    assert steps[0] == "EC2"
    assert steps[-1] == "ECS agent"
    assert life.guest.console.index("ECS agent: done") < life.guest.console.index(STARTED)
    assert life.cloud.reasons() == []
    # The shutdown that was planned in case boot hangs is called off.
    life.guest.run("test ! -e /run/systemd/shutdown/scheduled")


def test_cloud_init_takes_both_parts_and_finds_nothing_wrong(life: Life) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while "running" in life.guest.attempt("cloud-init status")[1]:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert "status: done" in life.guest.run("cloud-init status --long")
    parts = life.guest.run("cd /var/lib/cloud/instance && ls boothooks scripts").split()
    assert parts == ["boothooks:", "part-001", "scripts:", "part-002", "part-003"]


def test_the_agents_settings_are_ours_and_batchs(life: Life) -> None:
    lines = life.guest.run("cat /etc/ecs/ecs.config").splitlines()
    assert "ECS_CLUSTER=batch-cluster" in lines
    assert "ECS_ENABLE_TASK_CPU_MEM_LIMIT=true" in lines


def test_docker_and_containerd_write_to_scratch(life: Life) -> None:
    devices = life.guest.run("stat -c %d /scratch /var/lib/docker /var/lib/containerd").split()
    assert len(set(devices)) == 1
    mounted = life.guest.run("findmnt --noheadings --output FSTYPE,OPTIONS /scratch")
    assert mounted.startswith("xfs")
    assert "allocsize=65536k" in mounted


# QEMU's link takes IPv4 to us and no IPv6, so the metadata service's other address is on a second
# link, whose far end is a network namespace of the guest's.
METADATA_IPV6 = "[fd00:ec2::254]"
IPV6_LINK = """
set -e
ip netns add far
ip link add near type veth peer name end netns far
ip -n far address add fd00:ec2::254/64 dev end nodad
ip -n far link set end up
ip address add fd00:ec2::1/64 dev near nodad
ip link set near up
mkdir -p /run/far/latest/meta-data
echo "metadata over IPv6" >/run/far/latest/meta-data/index.html
systemd-run --quiet --unit=far --property=NetworkNamespacePath=/run/netns/far \
  python3 -m http.server --bind fd00:ec2::254 --directory /run/far 80
curl --silent --retry 60 --retry-delay 1 --retry-connrefused 'http://[fd00:ec2::254]/latest/meta-data/'
"""
IMAGE = """
docker image inspect probe >/dev/null 2>&1 && exit
cd "$(mktemp -d -p /var/tmp)"
mkdir usr
ln -s usr/bin usr/lib usr/lib64 .
tar c . | docker import - probe
"""


def _task(life: Life, *options: str) -> dict[str, str]:
    """What a container in the host's network hears from each address."""
    folder = life.guest.run("mktemp -d -p /var/tmp").strip()
    addresses = (METADATA, METADATA_IPV6, TASK_CREDENTIALS)
    curl = "curl --globoff --silent --show-error --max-time 5 --write-out '%{http_code}'"
    asking = "".join(
        f'{curl} "http://{address}/latest/meta-data/" >"/said/{address}" 2>&1 &\n'
        for address in addresses
    )
    life.guest.run(f"cat >{folder}/ask <<'SH'\n{asking}wait\nSH")
    life.guest.run(
        f"docker run --rm --network host -v /usr:/usr:ro -v {folder}:/said {' '.join(options)}"
        " probe sh /said/ask",
        120,
    )
    return {address: life.guest.run(f"cat '{folder}/{address}'") for address in addresses}


def _metadata_is_blocked(life: Life) -> None:
    """Both of its addresses are, in a task's slice and nowhere else."""
    life.guest.run(IPV6_LINK, 120)
    life.guest.run(IMAGE)
    # As the agent's own container: the service asks it for a token.
    outside = _task(life)
    assert outside[METADATA] == "401"
    assert outside[METADATA_IPV6] == "metadata over IPv6\n200"
    inside = _task(life, "--cgroup-parent=ecstasks-0123456789abcdef.slice")
    assert "timed out" in inside[METADATA]
    assert "timed out" in inside[METADATA_IPV6]
    assert inside[TASK_CREDENTIALS] == "task credentials200"


def test_a_task_gets_its_own_credentials_and_not_the_instances(life: Life) -> None:
    _metadata_is_blocked(life)


#: Hears all packets of the host, until another task asks for its credentials.
LISTENER = """
import socket, sys
try:
    hears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
except OSError as error:
    sys.exit("cannot listen: %s" % error.strerror)
hears.settimeout(60)
open("/said/ready", "w").close()
while b"GET /v2/credentials/of-another" not in hears.recv(65535):
    pass
print("heard")
"""


def _listens(life: Life, *options: str) -> str:
    """What root in a task's container says while another process asks for credentials."""
    folder = life.guest.run("mktemp -d -p /var/tmp").strip()
    life.guest.run(IMAGE)
    life.guest.run(f"cat >{folder}/listen.py <<'PYTHON'\n{LISTENER}\nPYTHON")
    name = life.guest.run(
        "docker run --detach --network host --user 0 -v /usr:/usr:ro"
        f" --cgroup-parent=ecstasks-0123456789abcdef.slice -v {folder}:/said {' '.join(options)}"
        " probe python3 /said/listen.py",
        120,
    ).strip()
    life.guest.run(
        f'until test -e {folder}/ready || test -n "$(docker ps -aq -f id={name} -f status=exited)";'
        " do sleep 1; done",
        120,
    )
    life.guest.run(f"curl --silent http://{TASK_CREDENTIALS}/v2/credentials/of-another")
    life.guest.run(f"docker wait {name}", 120)
    said = life.guest.run(f"docker logs {name} 2>&1; docker rm {name} >/dev/null")
    return said.strip()


def test_root_in_a_task_listens_to_the_host_in_vain(life: Life) -> None:
    """With Docker's own default it would hear, as it does without any filter."""
    assert _listens(life, "--security-opt", "seccomp=unconfined") == "heard"
    assert _listens(life) == "cannot listen: Operation not permitted"


def test_each_call_of_a_growth_was_rehearsed_at_boot(life: Life) -> None:
    assert set(life.cloud.rehearsed) == {
        "AttachVolume",
        "CreateVolume",
        "DeleteVolume",
        "DescribeInstanceTypes",
        "DescribeVolumes",
        "DescribeVolumesModifications",
        "DetachVolume",
        "ModifyInstanceAttribute",
        "ModifyVolume",
    }


def test_nothing_is_left_in_the_hosts_tmp(life: Life) -> None:
    assert life.guest.run("find /tmp -type f") == ""


def test_dirty_pages_are_bounded(life: Life) -> None:
    total = int(life.guest.run("awk '/MemTotal/ {print $2}' /proc/meminfo")) << 10
    assert int(life.guest.run("cat /proc/sys/vm/dirty_bytes")) <= total // 5 + 4096


def test_a_writer_never_finds_the_disk_full_while_it_grows_and_grows(life: Life) -> None:
    life.guest.run(f"cat >/opt/writer.py <<'PYTHON'\n{WRITER}\nPYTHON")
    life.guest.run(f"{UNIT} -p RemainAfterExit=yes python3 /opt/writer.py {FILES}")
    deadline = time.monotonic() + 500
    while "active (running)" in life.guest.run("systemctl status writer || true"):
        assert time.monotonic() < deadline, life.guest.run("df -h /scratch; ls /scratch/task")
        time.sleep(2)
    journal = life.guest.run("journalctl --unit writer --output cat")
    daemon = life.guest.run("journalctl -u nextflow-worker-watch --output cat")
    assert "longest write" in journal, journal + daemon
    added = set(life.cloud.volumes()) - {life.volume}
    assert len(added) >= 2, daemon
    life.guest.run(f"python3 /opt/writer.py {FILES} check")


def test_every_volume_ends_with_the_instance_and_none_is_left_over(life: Life) -> None:
    # What was ordered for the writer may still be under way.
    deadline = time.monotonic() + 120
    while life.guest.run("find /var/lib/nextflow-batch/growths -type f"):
        assert time.monotonic() < deadline
        time.sleep(1)
    volumes = life.cloud.volumes()
    assert all(volume["Attachments"] for volume in volumes.values())
    assert life.cloud.ending_with_the_instance() >= set(volumes) - {life.volume}


def test_after_a_reboot_all_is_there_again_and_nothing_was_made(life: Life) -> None:
    volumes = set(life.cloud.volumes())
    size = int(life.guest.run("stat -f -c %b /scratch"))
    uuid = life.guest.run("findmnt --noheadings --output UUID /scratch")
    life.guest.reboot(BOOT_SECONDS)
    life.guest.until(STARTED, BOOT_SECONDS, times=2)
    assert life.guest.run("findmnt --noheadings --output UUID /scratch") == uuid
    assert int(life.guest.run("stat -f -c %b /scratch")) >= size
    life.guest.run(f"python3 /opt/writer.py {FILES} check")
    assert set(life.cloud.volumes()) >= volumes
    assert life.guest.run("systemctl is-active nextflow-worker-watch").strip() == "active"
    _metadata_is_blocked(life)
    assert _listens(life) == "cannot listen: Operation not permitted"
