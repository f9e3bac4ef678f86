"""What keeps the local AWS from starting is one line on the terminal and exit code 2."""

import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import DockerException
from requests import ConnectionError as LostConnectionError

import docker
from local_aws import network, server, worker_root
from local_aws.__main__ import main
from local_aws.batch.process_runner import ProcessRunner
from local_aws.server import LocalAws, LocalAwsError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is not free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def check(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the command, which must say one line and end."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"local AWS: {said}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_taken_port_is_one_line(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    check(["--port", str(taken)], f"port {taken} is not free on 127.0.0.1", capsys)


@pytest.mark.parametrize(("below", "reason"), [(".", "File exists"), ("below", "Not a directory")])
def test_a_folder_that_is_a_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / below
    check(
        ["--port", "0", "--state-dir", str(state)],
        f"state_dir {state} cannot be used ({reason})",
        capsys,
    )


@pytest.mark.parametrize(
    ("where", "name", "error", "said"),
    [
        (
            worker_root, "prepare", PermissionError(errno.EACCES, "Permission denied"),
            "state_dir {} cannot be used (Permission denied)",
        ),
        (worker_root, "_s5cmd", worker_root.WorkerRootError("No client."), "No client."),
        (server, "make_runner", DockerException("gone"), "the Docker engine fails: gone"),
        (server, "make_runner", LostConnectionError("gone"), "the Docker engine fails: gone"),
        (
            docker, "from_env", DockerException("gone"),
            "the Docker network nextflow-batch-local cannot be had: gone",
        ),
        (
            network.JobNetwork, "_make", LostConnectionError("gone"),
            "the Docker network nextflow-batch-local cannot be had: gone",
        ),
    ],
)  # fmt: skip
def test_what_fails_inside_is_one_line(
    where: object,
    name: str,
    error: Exception,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    of_network = where in (docker, network.JobNetwork)
    monkeypatch.setattr(server, "usable_engine", lambda: of_network)
    monkeypatch.setattr(network, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(docker, "from_env", socket.socket)  # anything that can be closed
    monkeypatch.setattr(where, name, fail)
    check(["--port", "0", "--state-dir", str(tmp_path)], said.format(tmp_path), capsys)


def test_a_lock_that_cannot_be_had_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "usable_engine", lambda: True)
    monkeypatch.setattr(network, "_LOCK", tmp_path)
    said = "the Docker network nextflow-batch-local cannot be had: [Errno 21] Is a directory"
    check(["--port", "0", "--state-dir", str(tmp_path / "state")], said, capsys)


def test_the_lock_is_of_one_user() -> None:
    """In a sticky folder such as /tmp nobody may write another's file."""
    assert str(os.getuid()) in network._LOCK.name


def test_an_engine_whose_network_is_elsewhere_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of Docker Desktop, rootless Docker and a DOCKER_HOST on another machine."""
    made = []

    class Elsewhere:
        is_here = False

        def __init__(self) -> None:
            made.append("network")

        def close(self) -> None:
            made.append("closed")

    monkeypatch.setattr(network, "engine_answers", lambda: True)
    monkeypatch.setattr(network, "JobNetwork", Elsewhere)
    assert not network.usable_engine()
    assert made == ["network", "closed"]
    with LocalAws(state_dir=tmp_path) as aws:
        assert aws.runner_name == "processes"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EADDRNOTAVAIL, "is not an address of this machine"),
        (errno.EADDRINUSE, "is not free on 169.254.170.2"),
    ],
)
def test_a_bridge_that_is_elsewhere_is_told_from_a_port_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, number: int, said: str
) -> None:
    class Listener:
        def __init__(self, address: str, port: int, _app: object) -> None:
            if address == network.GATEWAY:
                raise OSError(number, "no")
            self.port = port

        def close(self) -> None:
            """Has nothing to close."""

    class Somewhere:
        def close(self) -> None:
            """Has nothing to close."""

    monkeypatch.setattr(server, "Listener", Listener)
    monkeypatch.setattr(server, "JobNetwork", Somewhere)
    monkeypatch.setattr(server, "is_docker", lambda _runner: True)
    runner = ProcessRunner(tmp_path)
    with (
        pytest.raises(LocalAwsError, match=said),
        LocalAws(runner=runner, port=taken, state_dir=tmp_path),
    ):
        pass
