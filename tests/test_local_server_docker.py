"""With a Docker engine the local AWS listens where containers find it, and takes all away again."""

import fcntl
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

import docker
from local_aws import network
from local_aws.server import LocalAws
from tests.support.local_aws import batch_job
from tests.support.task_image import task_image

pytestmark = pytest.mark.docker
_LISTENS = "0A"


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """The engine's client."""
    if not network.usable_engine():
        pytest.skip("no Docker engine has its networks on this machine")
    client = docker.from_env()
    yield client
    client.close()


def listening_on(port: int) -> list[str]:
    """Return the addresses on which anybody listens at a port (see proc_pid_net(5))."""
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:]:
            address, _, number = line.split()[1].partition(":")
            if line.split()[3] == _LISTENS and int(number, 16) == port:
                whole = bytes.fromhex(address)[::-1]
                found.append(socket.inet_ntoa(whole) if len(whole) == 4 else address)
    return sorted(found)


def children() -> set[str]:
    """Return the ids of this process's children."""
    lists = Path("/proc/self/task").glob("*/children")
    return {child for found in lists for child in found.read_text().split()}


def containers_of(client: Any, job: str) -> list[Any]:
    """Return a job's containers, without those that go while they are listed."""
    label = f"nextflow-batch.local-aws.job={job}"
    found = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return list(found)


def check_network_gone(client: Any) -> None:
    """Check that the network went with the last local AWS that used it."""
    with network._LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.skip("another local AWS uses the network, so it stays")
        for left in client.networks.list(names=[network.NAME]):
            try:
                left.remove()
            except APIError:
                left.reload()
                assert left.attrs["Containers"] == {}
                # https://github.com/moby/moby/issues/42119
                pytest.skip("the engine holds the network for a container that is no more")
            pytest.fail("the network was left behind")


def test_it_listens_where_containers_find_it_and_leaves_nothing(
    engine: Any, tmp_path: Path
) -> None:
    image, before = task_image(engine), children()
    with LocalAws(state_dir=tmp_path) as aws:
        assert aws.runner_name == "docker"
        assert aws.container_endpoint == f"http://169.254.170.2:{aws.port}"
        assert listening_on(aws.port) == ["127.0.0.1", "169.254.170.2"]
        connection = http.client.HTTPConnection("169.254.170.2", aws.port, timeout=5)
        connection.request("GET", "/_local/health", headers={"Host": f"localhost:{aws.port}"})
        assert connection.getresponse().status == 200
        connection.close()
        job = batch_job(aws, "sleep 600", image)
        deadline = time.monotonic() + 200
        while not containers_of(engine, job):
            described = aws.client("batch").describe_jobs(jobs=[job])["jobs"]
            assert time.monotonic() < deadline, described
            time.sleep(0.1)

    assert containers_of(engine, job) == []
    assert listening_on(aws.port) == []
    assert children() == before
    check_network_gone(engine)


def test_a_task_in_a_bare_image_moves_files_as_its_role(engine: Any, tmp_path: Path) -> None:
    """As Nextflow mounts and calls the client: nothing of the image is needed but a shell."""
    client = "/opt/aws-cli/bin/aws --region us-west-2 s3"
    script = f"echo 0 | {client} cp --only-show-errors - s3://tasks/.exitcode"
    script += (
        f" && {client} cp --only-show-errors s3://tasks/.exitcode here && {client} ls s3://tasks/"
    )
    with LocalAws(state_dir=tmp_path) as aws:
        place = {"LocationConstraint": "us-west-2"}
        aws.client("s3").create_bucket(Bucket="tasks", CreateBucketConfiguration=place)
        role = aws.client("iam").create_role(
            RoleName="task", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
        )["Role"]["Arn"]
        job = batch_job(
            aws,
            script,
            task_image(engine),
            jobRoleArn=role,
            volumes=[{"name": "aws-cli", "host": {"sourcePath": "/opt/aws-cli"}}],
            mountPoints=[
                {"sourceVolume": "aws-cli", "containerPath": "/opt/aws-cli", "readOnly": True}
            ],
        )
        deadline = time.monotonic() + 200
        while (described := aws.client("batch").describe_jobs(jobs=[job])["jobs"][0])[
            "status"
        ] not in {"SUCCEEDED", "FAILED"}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert described["status"] == "SUCCEEDED", described
        stored = aws.client("s3").get_object(Bucket="tasks", Key=".exitcode")
        assert stored["Body"].read() == b"0\n"


def test_the_network_stays_as_long_as_another_one_uses_it(engine: Any) -> None:
    first, second = network.JobNetwork(), network.JobNetwork()
    first.close()
    assert engine.networks.list(names=[network.NAME])
    second.close()
    check_network_gone(engine)
