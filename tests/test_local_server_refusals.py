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
from local_aws import __main__ as command
from local_aws import network, server, worker_root
from local_aws.__main__ import main
from local_aws.batch.process_runner import ProcessRunner
from local_aws.errors import LocalAwsError
from local_aws.jobs import Containers
from local_aws.server import LocalAws

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


class Machine:
    """A machine on which the local AWS cannot start."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._patch = patch
        self._capsys = capsys

    def fail(self, place: tuple[object, str], error: Exception, *, docker_answers: bool) -> None:
        """Let a function of it fail."""

        def failing(*_: object, **__: object) -> None:
            raise error

        self._patch.setattr(command, "usable_engine", lambda: docker_answers)
        self._patch.setattr(network, "_LOCK", self.folder / "lock")
        self._patch.setattr(docker, "from_env", lambda **_: socket.socket())  # can be closed
        if docker_answers:
            bare = Containers.__new__(Containers)
            self._patch.setattr(command, "make_runner", lambda *_, **__: bare)
        self._patch.setattr(*place, failing)

    def check(self, message: str, *, port: int = 0, state: Path | None = None) -> None:
        """Run the command, which must say one line and end."""
        folder = state or self.folder
        assert main(["--port", str(port), "--state-dir", str(folder)]) == 2
        captured = self._capsys.readouterr()
        assert captured.err.startswith(f"local AWS: {message.format(folder)}")
        assert captured.err.count("\n") == 1
        assert captured.out == ""


@pytest.fixture
def machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Machine:
    return Machine(tmp_path, monkeypatch, capsys)


def test_a_taken_port_is_one_line(machine: Machine, taken: int) -> None:
    machine.check(f"port {taken} is not free on 127.0.0.1", port=taken)


@pytest.mark.parametrize(("below", "reason"), [("", "File exists"), ("x", "Not a directory")])
def test_a_folder_that_is_a_file_is_one_line(machine: Machine, below: str, reason: str) -> None:
    (machine.folder / "file").touch()
    state = machine.folder / "file" / below
    machine.check(f"state_dir {{}} cannot be used ({reason})", state=state)


OF_FOLDER = "state_dir {} cannot be used (Permission denied)"
OF_ENGINE = "the Docker engine fails: gone"
OF_NETWORK = "cannot create the Docker network nextflow-batch-local: gone"


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ((worker_root, "prepare"), PermissionError(errno.EACCES, "Permission denied"), OF_FOLDER),
        ((worker_root, "_client"), LocalAwsError("No client."), "No client."),
        ((command, "make_runner"), DockerException("gone"), OF_ENGINE),
        ((command, "make_runner"), LostConnectionError("gone"), OF_ENGINE),
        ((docker, "from_env"), DockerException("gone"), OF_NETWORK),
        ((network.JobNetwork, "_make"), LostConnectionError("gone"), OF_NETWORK),
    ],
)
def test_what_fails_inside_is_one_line(
    machine: Machine, place: tuple[object, str], error: Exception, message: str
) -> None:
    machine.fail(place, error, docker_answers=message == OF_NETWORK)
    machine.check(message)


def test_a_lock_that_cannot_be_had_is_one_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "usable_engine", lambda: True)
    monkeypatch.setattr(command, "make_runner", lambda state, **_: Containers.__new__(Containers))
    monkeypatch.setattr(network, "_LOCK", machine.folder)
    machine.check("cannot create the Docker network nextflow-batch-local: [Errno 21]")


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
    ("number", "message"),
    [
        (errno.EADDRNOTAVAIL, "is not an address of this machine"),
        (errno.EADDRINUSE, "is not free on 169.254.170.2"),
    ],
)
def test_a_bridge_that_is_elsewhere_is_told_from_a_port_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, number: int, message: str
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
        pytest.raises(LocalAwsError, match=message),
        LocalAws(runner=runner, port=taken, state_dir=tmp_path),
    ):
        pass
