"""The local AWS starts empty, says what it cannot do, and leaves nothing behind."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local_aws import batch
from local_aws.__main__ import main
from local_aws.batch.process_runner import ProcessRunner
from local_aws.errors import LocalAwsError
from local_aws.server import LocalAws
from tests.support.local_aws import local_testbed


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is not free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    connection.request("GET", "/_local/health")
    is_healthy = connection.getresponse().status == 200
    connection.close()
    return is_healthy


def test_it_answers_by_name_and_as_one_account(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws:
        assert aws.endpoint == f"http://localhost:{aws.port}"
        assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert healthy("localhost", aws.port)


def test_it_starts_empty_each_time(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws:
        aws.client("s3").create_bucket(
            Bucket="from-before", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
    with local_testbed(tmp_path) as aws:
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert aws.client("cloudformation").describe_stacks()["Stacks"] == []


def test_it_stops_listening_when_it_stops(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws:
        port = aws.port

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws, socket.socket() as other:
        other.bind(("127.0.0.2", aws.port))  # would be taken by a server on 0.0.0.0


def test_a_taken_port_is_one_line_that_says_what_to_do(taken: int) -> None:
    with pytest.raises(LocalAwsError) as refused, LocalAws(port=taken):
        pass

    assert str(refused.value) == (
        f"port {taken} is not free on 127.0.0.1 (Address already in use): stop the "
        "program that uses it, or choose another port (0 takes any free one)"
    )


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--port={port}"])

    assert ended.value.code == 2
    assert f"argument --port: '{port}' is not a port: must be 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_command_prints_exports_that_lead_to_it_and_ends_when_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "local_aws", "--port", "0", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = "unset AWS_PROFILE AWS_SESSION_TOKEN\n"
        lines = [line.rstrip("\n") for line in iter(process.stdout.readline, last)]
        exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
        assert healthy("localhost", int(exports["AWS_ENDPOINT_URL"].rpartition(":")[2]))
        process.send_signal(number)

        assert process.wait(20) == 0
    assert exports["AWS_REGION"] == exports["AWS_DEFAULT_REGION"] == "us-west-2"
    assert exports["AWS_ACCESS_KEY_ID"]


def test_its_environment_leaves_the_users_aws_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the-users-own")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere")
    with local_testbed(tmp_path) as aws:
        environment = aws.environment()
        # A profile that does not exist does not stop the local AWS's own clients either.
        assert aws.client("s3").list_buckets()["Buckets"] == []

    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"}.isdisjoint(environment)
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["PATH"] == os.environ["PATH"]


def test_an_operation_that_moto_lacks_is_refused_in_words(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws, pytest.raises(ClientError) as refused:
        aws.client("ecr").get_account_setting(name="BASIC_SCAN_TYPE_VERSION")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "Not in the local AWS" in refused.value.response["Error"]["Message"]


def test_what_fails_to_stop_leaves_nothing_else_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    aws = LocalAws(runner=ProcessRunner(tmp_path))
    aws.start()
    assert aws.state_dir.is_dir()

    def fail() -> None:
        raise RuntimeError("it does not end")

    with monkeypatch.context() as patched:
        patched.setattr(batch, "reset", fail)
        with pytest.raises(RuntimeError, match="it does not end"):
            aws.stop()
    batch.reset()

    assert not aws.state_dir.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", aws.port))


def test_what_refuses_connections_does_not_open_them_after_the_end(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws:
        aws.faults.refused(0.2)
    time.sleep(0.4)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", aws.port))
