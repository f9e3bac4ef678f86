"""Jobs of the local Batch in real containers."""

import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.images import ImageCollection
from requests import ReadTimeout

from local_aws.batch import docker_runner
from local_aws.batch.docker_runner import OWNER_LABEL, DockerRunner
from local_aws.batch.runner import ContainerSpec
from tests.support.batch import ACCOUNT, Testbed, batch_testbed
from tests.support.task_image import engine, task_image

pytestmark = pytest.mark.docker
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    found = engine()
    if found is None:
        pytest.skip("no Docker engine answers")
    yield found
    found.close()


@pytest.fixture(scope="module")
def worker_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def testbed(client: Any, worker_root: Path) -> Iterator["Containers"]:
    image = task_image(client)
    runner = DockerRunner(worker_root)
    with batch_testbed(runner, stop_timeout=1) as made:
        yield Containers(made, image)
    runner.close()


class Containers:
    """Runs scripts in containers of the test image."""

    def __init__(self, testbed: Testbed, image: str) -> None:
        self.testbed = testbed
        self.image = image

    def submit(self, script: str, **container: Any) -> str:
        properties = {"image": self.image} | container
        definition = self.testbed.definition(["sh", "-c", script], container=properties)
        return self.testbed.submit(jobDefinition=definition)

    def run(self, script: str, **container: Any) -> dict[str, Any]:
        return self.testbed.wait(self.submit(script, **container))

    def lines(self, script: str, **container: Any) -> list[str]:
        return self.testbed.lines(self.run(script, **container))


def requirements(memory: int, vcpus: int = 1) -> list[dict[str, str]]:
    return [
        {"type": "VCPU", "value": str(vcpus)},
        {"type": "MEMORY", "value": str(memory)},
    ]


def test_a_job_runs_in_a_container_that_is_gone_afterwards(
    testbed: Containers, client: Any
) -> None:
    """Ours: the laptop keeps no container."""
    job = testbed.run("echo pid $$; exit 5")

    assert testbed.testbed.lines(job) == ["pid 1"]
    assert job["container"]["exitCode"] == 5
    label = {"label": f"nextflow-batch.local-aws.job={job['jobId']}"}
    assert client.containers.list(all=True, filters=label) == []


def test_the_last_words_arrive_even_without_a_line_end(testbed: Containers) -> None:
    """Whatever a container writes before it ends is in its log stream.

    https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
    """
    jobs = [testbed.submit(f"echo first; printf {number}") for number in range(10)]

    assert [testbed.testbed.lines(testbed.testbed.wait(job)) for job in jobs] == [
        ["first", str(number)] for number in range(10)
    ]


def test_the_memory_limit_kills_with_the_reason_of_ecs(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.

    The container's only process is killed, so that it is gone at once.
    """
    job = testbed.run("exec tail /dev/zero", resourceRequirements=requirements(16))

    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == OUT_OF_MEMORY
    assert job["statusReason"] == "Essential container in task exited"


def test_a_child_killed_by_the_memory_limit_is_told_too(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    script = "tail /dev/zero; code=$?; sleep 1; exit $code"
    job = testbed.run(script, resourceRequirements=requirements(16))

    assert job["container"]["reason"] == OUT_OF_MEMORY


def test_the_kernels_word_stands_where_the_engine_has_not_heard_it(
    testbed: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that listens too late shows a container that just exited with 137.

    https://github.com/containerd/containerd/pull/12405
    """
    reload = Container.reload

    def deaf(container: Container) -> None:
        reload(container)
        container.attrs["State"]["OOMKilled"] = False

    monkeypatch.setattr(Container, "reload", deaf)
    job = testbed.run("exec tail /dev/zero", resourceRequirements=requirements(16))

    assert job["container"]["reason"] == OUT_OF_MEMORY


def test_an_exit_code_of_137_alone_is_not_out_of_memory(
    testbed: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    monkeypatch.setattr(docker_runner, "_kernel_kills", lambda: 7)  # this machine has other users
    job = testbed.run("exit 137")

    assert job["container"]["exitCode"] == 137
    assert "reason" not in job["container"]


def test_a_container_that_we_kill_is_not_out_of_memory(
    testbed: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the kernel has killed another's process meanwhile.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    count = itertools.count()
    monkeypatch.setattr(docker_runner, "_kernel_kills", lambda: next(count))
    job = testbed.submit("trap '' TERM; echo up; while :; do sleep 0.1; done")
    while not testbed.testbed.lines(testbed.testbed.wait(job, "RUNNING")):
        time.sleep(0.05)
    testbed.testbed.batch.terminate_job(jobId=job, reason="enough")
    ended = testbed.testbed.wait(job)

    assert ended["container"]["exitCode"] == 137
    assert "reason" not in ended["container"]


def test_terminating_sends_sigterm_and_kills_after_the_stop_timeout(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html."""
    polite = testbed.submit("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    deaf = testbed.submit("trap '' TERM; echo up; while :; do sleep 0.1; done")
    for job in (polite, deaf):
        while not testbed.testbed.lines(testbed.testbed.wait(job, "RUNNING")):
            time.sleep(0.05)
        testbed.testbed.batch.terminate_job(jobId=job, reason="enough")
    first, second = testbed.testbed.wait(polite), testbed.testbed.wait(deaf)

    assert testbed.testbed.lines(first) == ["up", "bye"]
    assert first["container"]["exitCode"] == 3
    assert second["container"]["exitCode"] == 137


def test_host_volumes_come_from_the_workers_root(testbed: Containers, worker_root: Path) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_MountPoint.html."""
    tools = worker_root / "opt" / "tools"
    tools.mkdir(parents=True)
    (tools / "hello").write_text("from the worker\n")
    lines = testbed.lines(
        "cat /opt/tools/hello; touch /opt/tools/new 2>&1 || echo refused; touch /data/made; ls /data",
        volumes=[
            {"name": "tools", "host": {"sourcePath": "/opt/tools"}},
            {"name": "data", "host": {"sourcePath": "/scratch/not-there-yet"}},
            {"name": "anonymous", "host": {}},
        ],
        mountPoints=[
            {"sourceVolume": "tools", "containerPath": "/opt/tools", "readOnly": True},
            {"sourceVolume": "data", "containerPath": "/data"},
            {"sourceVolume": "anonymous", "containerPath": "/empty"},
        ],
    )

    assert lines[0] == "from the worker"
    assert lines[-2:] == ["refused", "made"]
    assert (worker_root / "scratch" / "not-there-yet" / "made").exists()
    assert not Path("/scratch/not-there-yet").exists()


def test_ulimits_user_and_shared_memory_reach_the_container(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html."""
    lines = testbed.lines(
        "ulimit -n; id -u; df -k /dev/shm | tail -n 1; df -k /ram | tail -n 1; echo $$",
        ulimits=[{"name": "nofile", "softLimit": 321, "hardLimit": 321}],
        user="nobody",
        linuxParameters={
            "sharedMemorySize": 128,
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/ram", "size": 8, "mountOptions": ["noexec"]}],
        },
    )

    assert lines[:2] == ["321", "65534"]
    assert lines[2].split()[1] == str(128 * 1024)
    assert lines[3].split()[1] == str(8 * 1024)
    assert lines[4] != "1", "an init process is PID 1"


def test_a_read_only_root_reaches_the_container(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html."""
    probe = "touch /file 2>/dev/null && echo writable || echo read-only"

    assert testbed.lines(probe) == ["writable"]
    assert testbed.lines(probe, readonlyRootFilesystem=True) == ["read-only"]


def test_privileges_reach_the_container(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html."""
    probe = "sort /proc/self/status"
    job = testbed.run(probe, privileged=True)
    if "unable to apply caps" in job["container"].get("reason", ""):
        pytest.skip("this Docker engine may not give containers privileges")
    usual, all_of_them = testbed.lines(probe), testbed.testbed.lines(job)

    assert capabilities(usual) < capabilities(all_of_them)


def capabilities(status: list[str]) -> int:
    (line,) = [line for line in status if line.startswith("CapEff:")]
    return int(line.split()[1], 16)


def test_an_image_that_is_nowhere_fails_quickly(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html."""
    job = testbed.run("true", image="127.0.0.1:9/not/there:1")

    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith(
        "CannotPullContainerError: Error response from daemon: "
    )


def test_an_image_of_the_local_registry_is_not_looked_for_on_the_internet(
    testbed: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html."""
    pulled: list[str] = []
    monkeypatch.setattr(ImageCollection, "pull", lambda _, name, **__: pulled.append(name))
    image = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/not/there:1"
    job = testbed.run("true", image=image)

    assert job["container"]["reason"].startswith("CannotPullContainerError: ")
    assert image in job["container"]["reason"]
    assert pulled == []


@pytest.mark.parametrize(("step", "reason"), [
    ("attach", "CannotCreateContainerError: "),
    ("start", "CannotStartContainerError: "),
])  # fmt: skip
def test_a_container_whose_start_is_not_answered_is_removed(
    testbed: Containers, client: Any, monkeypatch: pytest.MonkeyPatch, step: str, reason: str
) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""

    def slow(_: Container, **__: Any) -> None:
        raise ReadTimeout("no answer")

    monkeypatch.setattr(Container, step, slow)
    job = testbed.run("true")
    label = {"label": f"nextflow-batch.local-aws.job={job['jobId']}"}

    assert job["container"]["reason"].startswith(reason)
    assert "no answer" in job["container"]["reason"]
    assert client.containers.list(all=True, filters=label) == []


def test_the_laptops_proxy_does_not_reach_a_container(
    testbed: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through it no container would get the credentials of 169.254.170.2.

    Ours: a worker knows nothing of the laptop's proxy.
    """
    proxies = {"proxies": {"default": {"httpProxy": "http://proxy.example:3128"}}}
    (tmp_path / "config.json").write_text(json.dumps(proxies))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    runner = DockerRunner(tmp_path / "worker", network=None)
    lines: list[str] = []
    spec = ContainerSpec(
        name="nextflow-batch-proxy", job_id="j", image=testbed.image, command=("env",)
    )
    runner.start(spec, lines.append).wait()
    runner.close()

    assert [line for line in lines if line.startswith("PATH=")]
    assert [line for line in lines if "proxy" in line.lower()] == []


def test_a_command_that_is_not_in_the_image_does_not_start(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    definition = testbed.testbed.definition(["/not/there"], container={"image": testbed.image})
    job = testbed.testbed.run(jobDefinition=definition)

    assert job["container"]["reason"].startswith("CannotStartContainerError: ")


def test_a_container_is_served_its_roles_credentials_where_sdks_ask(testbed: Containers) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html.

    SDKs ask loopback addresses and 169.254.170.2 only.
    """
    script = """
    echo $AWS_CONTAINER_CREDENTIALS_FULL_URI
    address=${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://}
    host=${address%%/*}
    exec 3<> /dev/tcp/${host%:*}/${host#*:}
    printf 'GET /%s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' "${address#*/}" "$host" >&3
    cat <&3
    """
    role = f"arn:aws:iam::{ACCOUNT}:role/job"
    definition = testbed.testbed.definition(
        ["bash", "-c", script], container={"image": testbed.image, "jobRoleArn": role}
    )
    lines = testbed.testbed.lines(testbed.testbed.run(jobDefinition=definition))
    answer = json.loads(lines[-1])

    assert lines[0].startswith("http://169.254.170.2:")
    assert answer["RoleArn"] == role
    assert answer["AccessKeyId"].startswith("ASIA")


def test_what_a_dead_server_left_behind_is_removed(
    client: Any, worker_root: Path, testbed: Containers
) -> None:
    """Ours: a server that was killed cannot clean up."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, kept = (
        client.containers.create(testbed.image, ["sleep", "60"], labels={OWNER_LABEL: str(pid)})
        for pid in (ended.pid, os.getpid())
    )
    runner = DockerRunner(worker_root, network=None)
    removed = runner.remove_leftovers()
    runner.close()
    remaining = {item.id for item in client.containers.list(all=True, ignore_removed=True)}
    kept.remove(force=True)

    assert removed >= 1
    assert left.id not in remaining
    assert kept.id in remaining
