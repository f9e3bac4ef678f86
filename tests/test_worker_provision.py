"""What an instance does before it joins the cluster, on a pretended machine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from nextflow_worker import service
from nextflow_worker.__main__ import main
from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.growth import ec2_calls
from nextflow_worker.growth.ebs_volumes import DEPLOYMENT_TAG
from nextflow_worker.host import GIB
from nextflow_worker.provision import agent, aws_cli, packet_sockets, task_client
from nextflow_worker.provision.provisioning import REASON, Provisioning, provision
from nextflow_worker.settings import DOCUMENT, Settings
from testbed.worker_machine import DOCKERS_PROFILE, INSTANCE, Machine, refused, worker_document


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    unlocked = tmp_path / "aws-cli.lock"
    unlocked.write_text(json.dumps({"version": "2.36.11", "url": "https://x/", "sha256": {}}))
    monkeypatch.setattr(aws_cli.install, "__kwdefaults__", {"lock_file": unlocked})
    fresh = Machine(tmp_path / "root")
    fresh.write_document()
    fresh.add_root_disk()
    fresh.add_disk("nvme1", "vol0123456789abcdef0")
    return fresh


def _reason(machine: Machine) -> str:
    with pytest.raises(WorkerError) as refusal:
        provision(machine, **INSTANCE)
    (line,) = machine.path(REASON).read_text().splitlines()
    assert line == str(refusal.value)
    assert not machine.path(agent.READY).exists()
    assert machine.ran("systemctl start --no-block ecs") == []
    return line


def test_a_sound_instance_joins_last_of_all(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    assert machine.path(agent.READY).exists()
    assert machine.commands[-1] == "systemctl start --no-block ecs.service"
    assert machine.mounts == {"/scratch", "/var/lib/docker", "/var/lib/containerd"}
    assert machine.bound["/var/lib/docker"] == "/scratch/docker"
    assert machine.group == ["/dev/nvme1n1"]
    stop = machine.commands.index("systemctl stop docker.socket docker.service containerd.service")
    assert stop < machine.commands.index("mount --bind /scratch/docker /var/lib/docker")


def test_an_instances_own_disks_come_before_the_volume(machine: Machine) -> None:
    machine.add_disk("nvme2", "AWS22222222222222222", "Amazon EC2 NVMe Instance Storage")
    provision(machine, **INSTANCE)
    assert machine.group == ["/dev/nvme2n1", "/dev/nvme1n1"]
    assert machine.in_volume == 100


def test_no_start_waits_for_cloud_init(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    starts = [line for line in machine.ran("systemctl") if "start" in line]
    assert starts
    assert all("--no-block" in line for line in starts)


#: In the order in which they are rehearsed.
EC2_CALLS = (
    "CreateVolume",
    "AttachVolume",
    "ModifyInstanceAttribute",
    "ModifyVolume",
    "DetachVolume",
    "DeleteVolume",
    "DescribeVolumes",
    "DescribeVolumesModifications",
    "DescribeInstanceTypes",
)


def test_first_of_all_each_call_of_a_growth_is_rehearsed(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    growth = Path(ec2_calls.__file__).parent.glob("*.py")
    code = "".join(module.read_text("utf-8") for module in growth)
    assert Provisioning(machine, Settings.read(machine)).steps()[0].name == "EC2"
    assert [asked for asked, _ in machine.asked] == [
        ("us-west-2", "ec2", operation) for operation in EC2_CALLS
    ]
    assert set(EC2_CALLS) == set(re.findall(r"""calls\.call\(\s*"(\w+)\"""", code))


def test_no_rehearsal_does_what_it_asks_for(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    assert [arguments["DryRun"] for _, arguments in machine.asked] == [True] * len(EC2_CALLS)


def test_the_order_that_is_rehearsed_is_the_largest_of_all(machine: Machine) -> None:
    machine.write_document(**worker_document(max_size_gib=777))
    provision(machine, **INSTANCE)
    _, order = machine.asked[0]
    assert order["Size"] == 777
    assert "ClientToken" not in order
    (tags,) = [entry["Tags"] for entry in order["TagSpecifications"]]
    assert {"Key": DEPLOYMENT_TAG, "Value": "lab"} in tags


@pytest.mark.parametrize(
    "answer", [refused("RequestLimitExceeded", 503), refused("InternalError", 500)]
)
def test_an_ec2_that_is_busy_was_reached(machine: Machine, answer: str) -> None:
    """Who refuses for that is replaced by one that asks again."""
    machine.answers = [answer]
    provision(machine, **INSTANCE)
    assert len(machine.asked) == len(EC2_CALLS)


@pytest.mark.parametrize("operation", EC2_CALLS)
def test_who_lacks_one_permission_of_a_growth_does_not_join(
    machine: Machine, operation: str
) -> None:
    granted = [refused("DryRunOperation", 412)] * EC2_CALLS.index(operation)
    machine.answers = [*granted, refused("UnauthorizedOperation", 403)]
    assert _reason(machine).startswith(
        f"EC2: the worker's role lacks ec2:{operation}: it is so (UnauthorizedOperation) (gave up: "
    )
    assert machine.ran("dnf") == []


def test_what_else_ec2_remarks_of_a_volume_in_use_is_no_missing_permission(
    machine: Machine,
) -> None:
    machine.answers = [refused("DryRunOperation", 412), refused("VolumeInUse", 400)]
    provision(machine, **INSTANCE)
    assert len(machine.asked) == len(EC2_CALLS)


def test_an_order_that_ec2_does_not_understand_is_refused(machine: Machine) -> None:
    machine.answers = [refused("InvalidParameterValue", 400)]
    assert _reason(machine).startswith("EC2: it is so (InvalidParameterValue) (gave up: ")


def test_an_ec2_that_does_not_answer_at_once_is_asked_again(machine: Machine) -> None:
    silent = json.dumps({"Unanswered": "dial tcp: i/o timeout"})
    machine.answers = [silent, "no document", refused("DryRunOperation", 412)]
    provision(machine, **INSTANCE)
    assert len(machine.asked) == len(EC2_CALLS) + 2


def test_an_ec2_that_never_answers_is_no_place_to_join(machine: Machine) -> None:
    machine.answers = [json.dumps({"Unanswered": "dial tcp: i/o timeout"})]
    assert _reason(machine).startswith("EC2: dial tcp: i/o timeout (gave up: ")


def test_packages_come_from_amazons_repository_alone(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    (install,) = machine.ran("dnf")
    assert "--repo=amazonlinux" in install
    assert install.endswith("lvm2 xfsprogs")


def test_an_ami_that_has_the_packages_needs_no_repository(machine: Machine) -> None:
    """A hardened one's may come from anywhere."""
    machine.installed = True
    machine.broken = {"dnf": "no repository", "rpm": "package lvm2 is not installed"}
    provision(machine, **INSTANCE)
    assert machine.ran("dnf") == []


def test_after_a_reboot_what_exists_is_mounted_and_nothing_made(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    machine.reboot()
    provision(machine, **INSTANCE)
    made = ("mkfs.xfs -f", "mkfs.xfs /", "vgcreate", "lvcreate", "dnf", "curl")
    assert [line for line in machine.commands if line.startswith(made)] == []
    assert machine.mounts == {"/scratch", "/var/lib/docker", "/var/lib/containerd"}
    assert machine.path(agent.READY).exists()


@pytest.mark.parametrize("last", ["vgcreate", "lvcreate", "mkfs.xfs", "mount -t xfs"])
def test_a_first_boot_that_was_interrupted_is_finished_by_the_next(
    machine: Machine, last: str
) -> None:
    machine.broken = {last: "power failure"}
    _reason(machine)
    machine.broken = {}
    machine.reboot()
    provision(machine, **INSTANCE)
    assert machine.group == ["/dev/nvme1n1"]
    assert machine.path(agent.READY).exists()


def test_provisioning_twice_in_one_boot_leaves_docker_running(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    machine.commands.clear()
    provision(machine, **INSTANCE)
    assert machine.ran("systemctl stop") == []


@pytest.mark.parametrize(
    ("command", "step"),
    [
        (str(service.CLIENTS), "EC2"),
        ("dnf", "packages"),
        ("vgcreate", "scratch"),
        ("vgchange", "scratch"),
        ("mkfs.xfs", "scratch"),
        ("mount -t xfs", "scratch"),
        ("systemctl stop", "Docker on scratch"),
        ("mount --bind", "Docker on scratch"),
        ("docker info --format {{.DockerRootDir", "Docker on scratch"),
        ("docker info --format {{.Cgroup", "metadata service"),
        ("docker import", "packet sockets"),
        ("docker run", "packet sockets"),
        ("systemctl daemon-reload", "metadata service"),
        ("systemd-run", "metadata service"),
        ("curl", "S3 client for tasks"),
        ("/opt/aws-cli/bin/aws --version", "S3 client for tasks"),
        ("systemctl enable", "units"),
    ],
)
def test_a_step_that_fails_is_named_with_its_reason(
    machine: Machine, command: str, step: str
) -> None:
    machine.broken = {command: "it is broken"}
    reason = _reason(machine)
    assert reason.startswith(f"{step}: ")
    assert "it is broken" in reason


def test_an_agent_that_cannot_be_started_takes_the_flag_back(machine: Machine) -> None:
    machine.broken = {"systemctl start --no-block ecs": "no bus"}
    with pytest.raises(WorkerError, match=r"^ECS agent: .*no bus"):
        provision(machine, **INSTANCE)
    assert not machine.path(agent.READY).exists()


def test_a_step_that_is_tried_again_ends_at_its_deadline(machine: Machine) -> None:
    machine.broken = {"dnf": "cannot download"}
    reason = _reason(machine)
    assert "gave up: took more than 240 s" in reason
    assert 240 <= machine.clock < 320
    assert 10 < len(machine.ran("dnf")) < 80


def test_a_mirror_that_fails_once_is_asked_again(machine: Machine) -> None:
    answers = iter([WorkerError("dnf install: timeout")])

    def flaky(*_: str) -> None:
        for refusal in answers:
            raise refusal
        machine.installed = True

    machine._dnf = flaky  # type: ignore[method-assign]
    provision(machine, **INSTANCE)
    assert len(machine.ran("dnf")) == 2


def test_too_little_space_is_refused_with_numbers(machine: Machine) -> None:
    machine.sizes_gib["/dev/nvme1n1"] = 8
    assert _reason(machine) == "free space: 8.0 GiB free, at least 10 needed"


def test_docker_that_works_elsewhere_is_refused(machine: Machine) -> None:
    machine.docker_root = "/mnt/docker"
    assert _reason(machine) == "Docker on scratch: /mnt/docker is not on /scratch"


def test_tasks_that_can_reach_the_metadata_service_are_a_reason_not_to_join(
    machine: Machine,
) -> None:
    machine.leaks = ["169.254.169.254", "fd00:ec2::254"]
    assert _reason(machine) == (
        "metadata service: 169.254.169.254 and fd00:ec2::254 can be reached from ecstasks.slice,"
        " where tasks are"
    )


def test_docker_starts_with_a_profile_without_packet_sockets(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    assert json.loads(machine.path(packet_sockets.DAEMON).read_text()) == {
        "seccomp-profile": packet_sockets.PROFILE
    }
    assert json.loads(machine.path(packet_sockets.PROFILE).read_text()) == packet_sockets.profile(
        DOCKERS_PROFILE
    )
    names = [step.name for step in Provisioning(machine, Settings.read(machine)).steps()]
    assert names.index("seccomp profile") < names.index("Docker on scratch")
    (probe,) = machine.ran("docker run")
    assert "--network=host" in probe
    assert "--user=0" in probe


def test_what_an_ami_says_about_docker_is_kept(machine: Machine) -> None:
    own = {"log-level": "warn", "seccomp-profile": "/etc/docker/hardened.json"}
    machine.write(packet_sockets.DAEMON, json.dumps(own))
    machine.packet_sockets = []
    provision(machine, **INSTANCE)
    assert json.loads(machine.path(packet_sockets.DAEMON).read_text()) == own


def test_a_profile_of_an_ami_that_lets_tasks_listen_is_a_reason_not_to_join(
    machine: Machine,
) -> None:
    own = {"seccomp-profile": "/etc/docker/hardened.json"}
    machine.write(packet_sockets.DAEMON, json.dumps(own))
    assert _reason(machine) == (
        "packet sockets: root in a container can open AF_PACKET and AF_INET SOCK_RAW, and read what"
        " other tasks send: remove seccomp-profile from /etc/docker/daemon.json, or use a stricter"
        " one"
    )


def test_a_container_that_could_open_nothing_proves_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = machine._docker
    monkeypatch.setattr(machine, "_docker", lambda *words: words[0] != "run" and docker(*words))
    assert _reason(machine) == (
        "packet sockets: a container could open no socket at all, so nothing was tested"
    )


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_docker_configuration_that_cannot_be_read_is_refused(machine: Machine, text: str) -> None:
    machine.write(packet_sockets.DAEMON, text)
    assert _reason(machine).startswith("seccomp profile: /etc/docker/daemon.json is no JSON object")


def test_a_probe_that_could_not_have_failed_proves_nothing(machine: Machine) -> None:
    machine.metadata = []
    assert _reason(machine).endswith("so the block could not be tested")


@pytest.mark.parametrize("cgroups", ["cgroupfs 2", "systemd 1"])
def test_tasks_in_other_cgroups_than_the_blocked_one_are_refused(
    machine: Machine, cgroups: str
) -> None:
    machine.cgroups = cgroups
    assert f"Docker's cgroups are '{cgroups}'; allowed: 'systemd 2'" in _reason(machine)


@pytest.mark.parametrize("name", agent.REQUIRED)
def test_an_agent_setting_that_lets_tasks_at_the_role_is_refused(
    machine: Machine, name: str
) -> None:
    config = machine.path(agent.CONFIG)
    config.parent.mkdir(parents=True)
    config.write_text(f"{name}=true\n{name}=false\n")
    assert _reason(machine) == (
        f"ECS agent settings: /etc/ecs/ecs.config: {name} is 'false'; allowed: true"
    )


@pytest.mark.parametrize(
    ("memory_gib", "dirty", "background"), [(4, 0.8, 0.2), (16, 2, 0.5), (1024, 2, 0.5)]
)
def test_dirty_pages_are_bounded_and_never_above_the_kernels_own_limit(
    machine: Machine, memory_gib: int, dirty: float, background: float
) -> None:
    machine.path("/proc/meminfo").write_text(f"MemTotal: {memory_gib << 20} kB\nMemFree: 1 kB\n")
    provision(machine, **INSTANCE)
    vm = machine.path("/proc/sys/vm")
    assert int((vm / "dirty_bytes").read_text()) == int(dirty * 10 * GIB) // 10
    assert int((vm / "dirty_background_bytes").read_text()) == int(dirty * 10 * GIB) // 40


def test_an_unexpected_error_is_one_line_too(machine: Machine) -> None:
    def broken(*_: str) -> None:
        raise ZeroDivisionError("a bug")

    machine._dnf = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        provision(machine, **INSTANCE)
    assert machine.path(REASON).read_text() == "unexpected ZeroDivisionError: a bug\n"
    assert not machine.path(agent.READY).exists()


def test_agent_settings_are_appended_and_never_overwritten(machine: Machine) -> None:
    config = machine.path(agent.CONFIG)
    config.parent.mkdir(parents=True)
    config.write_text("ECS_CLUSTER=batch-1\nECS_CONTAINER_STOP_TIMEOUT=5m")
    provision(machine, **INSTANCE)
    machine.reboot()
    provision(machine, **INSTANCE)
    lines = config.read_text().splitlines()
    assert lines[:2] == ["ECS_CLUSTER=batch-1", "ECS_CONTAINER_STOP_TIMEOUT=5m"]
    names = [line.partition("=")[0] for line in lines]
    assert sorted(names) == sorted({"ECS_CLUSTER", *agent.SETTINGS})


def test_the_units_are_installed(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    units = machine.path("/etc/systemd/system")
    assert {unit.name for unit in units.glob("*.service")} == {
        "nextflow-worker-boot.service",
        "nextflow-worker-watch.service",
    }


def test_the_task_client_is_unpacked_with_permissions_and_links(machine: Machine) -> None:
    provision(machine, **INSTANCE)
    dist = machine.path("/opt/aws-cli/v2/2.36.11/dist")
    assert (dist / "aws").stat().st_mode & 0o777 == 0o755
    assert (dist / "libz.so").readlink().name == "libz.so.1"
    assert machine.path("/opt/aws-cli/bin/aws").stat().st_mode & 0o777 == 0o755
    assert list(machine.path("/opt/aws-cli").rglob("*.zip")) == []


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment that chose our own client."""
    folder = tmp_path / "task_s3"
    for name in ("x86_64", "aarch64"):
        (folder / name).mkdir(parents=True)
        (folder / name / "aws").write_text(f"of {name}")
    monkeypatch.setattr(task_client.install, "__kwdefaults__", {"clients": folder})
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    return folder


def test_our_client_is_that_of_the_machine_and_nothing_is_fetched(
    machine: Machine, clients: Path
) -> None:
    for _ in range(2):
        provision(machine, **INSTANCE)
        machine.reboot()
    assert machine.path("/opt/aws-cli/bin/aws").read_text() == "of aarch64"
    assert machine.path("/opt/aws-cli/bin/aws").stat().st_mode & 0o777 == 0o755
    assert [file.name for file in machine.path("/opt/aws-cli").rglob("*")] == ["bin", "aws"]


def test_our_client_is_run_where_nothing_else_is(machine: Machine, clients: Path) -> None:
    provision(machine, **INSTANCE)
    assert machine.ran("chroot") == ["chroot /opt/aws-cli /bin/aws --version"]
    assert machine.ran("curl") == []


def test_a_client_that_does_not_run_is_refused(machine: Machine, clients: Path) -> None:
    machine.broken = {"chroot": "Exec format error"}
    assert _reason(machine).startswith("S3 client for tasks: ")


def test_a_machine_without_a_client_is_refused(machine: Machine, clients: Path) -> None:
    (clients / "aarch64" / "aws").unlink()
    assert _reason(machine) == (
        "S3 client for tasks: the programs contain no S3 client for aarch64"
    )


def test_a_client_that_is_another_is_refused(
    machine: Machine, clients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_chroot", lambda *_: "busybox")
    assert "says 'busybox'" in _reason(machine)


def test_a_task_client_other_than_the_locked_one_is_refused(
    machine: Machine, tmp_path: Path
) -> None:
    lock = {"version": "2.36.11", "url": "https://x/{machine}-{version}.zip", "sha256": {}}
    lock["sha256"] = dict.fromkeys(("x86_64", "aarch64"), "0" * 64)
    file = tmp_path / "lock"
    file.write_text(json.dumps(lock))
    with pytest.raises(
        WorkerError, match=r"-2\.36\.11\.zip has SHA-256 [0-9a-f]{64}, expected 0{64}"
    ):
        aws_cli.install(machine, Deadline(machine, 60), lock_file=file)
    assert not machine.path("/opt/aws-cli").exists()


def test_a_task_client_of_another_version_is_refused(machine: Machine) -> None:
    machine.archive_version = "2.0.0"
    assert "not aws-cli/2.36.11" in _reason(machine)


def test_the_shim_finds_its_own_libraries_and_passes_arguments_on(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "aws").write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH"\nprintf "<%s>" "$@"\nexit 3\n')
    (dist / "aws").chmod(0o755)
    shim = tmp_path / "aws"
    shim.write_text(aws_cli.SHIM.format(dist=dist))
    shim.chmod(0o755)
    environ = {"LD_LIBRARY_PATH": "/task/lib", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [shim, "s3", "cp", "a b", "*"], env=environ, check=False, capture_output=True, text=True
    )
    assert done.stdout == f"{dist}:/task/lib\n<s3><cp><a b><*>"
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"region": 1}, "worker.json: region is 1; allowed: a string"),
        ({"scratch": []}, "worker.json: scratch is []; allowed: an object"),
        ({"scratch": {"iops": 3000}}, "worker.json: scratch.size_gib is missing"),
        ({"colour": "red"}, "worker.json: colour is not known to these programs"),
        ({"fetch_seconds": "60"}, "worker.json: fetch_seconds is '60'; allowed: a whole number"),
        ({"fetch_seconds": True}, "worker.json: fetch_seconds is True; allowed: a whole number"),
        (
            {"volume_tags": {"a": 1}},
            "worker.json: volume_tags is {'a': 1}; allowed: an object with",
        ),
    ],
)
def test_a_wrong_value_of_the_document_is_named(
    machine: Machine, changes: dict[str, object], message: str
) -> None:
    machine.write_document(**changes)
    assert message in _reason(machine)
    assert machine.commands == []


def test_a_missing_document_is_named(machine: Machine) -> None:
    machine.path(DOCUMENT).unlink()
    assert _reason(machine).startswith(f"{DOCUMENT} cannot be read: ")


def test_each_step_has_a_deadline_and_all_together_end_before_boot_gives_up(
    machine: Machine,
) -> None:
    steps = Provisioning(machine, Settings.complete(machine, **INSTANCE)).steps()
    assert all(step.seconds > 0 for step in steps)
    assert sum(step.seconds for step in steps) <= worker_document()["provision_seconds"]


@pytest.mark.parametrize("arguments", [[], ["grow"], ["provision", "now"]])
def test_an_unknown_program_is_refused_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.endswith("allowed: provision INSTANCE ZONE, watch\n")


def test_the_command_ends_with_1_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NFB_ROOT", str(tmp_path))
    assert main(["provision", "i-0123", "us-west-2a"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nextflow-batch: {DOCUMENT} cannot be read: ")
