"""What the tasks' S3 client promises beyond what the AWS CLI does, and when things fail."""

from __future__ import annotations

import http.server
import json
import os
import platform
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assets.go_program import TASK_S3
from tests.support import s3_server
from tests.support.s3_forms import ALL, CP, LARGE, UP
from tests.support.s3_server import Call, S3Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="workers are Linux; the client is built for them"
)


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with s3_server.s3_server() as server:
        yield server


@pytest.fixture
def server(running: S3Server) -> S3Server:
    running.reset()
    return running


@pytest.fixture
def aws(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    program = str(TASK_S3.here())

    def call(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [program, "--region", "us-west-2", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
        )

    return call


@pytest.mark.parametrize(
    "operation",
    ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"],
)
def test_an_upload_outlives_a_503(
    server: S3Server, aws: Callable[..., Any], operation: str
) -> None:
    content = b"a" if operation == "PutObject" else LARGE
    Path("a").write_bytes(content)
    server.faults.append(s3_server.unavailable(operation, 1))

    assert aws(*UP, "a", "s3://bucket/a").returncode == 0
    assert server.content("a") == content


@pytest.mark.parametrize("operation", ["PutObject", "UploadPart", "CompleteMultipartUpload"])
def test_an_upload_that_fails_leaves_nothing(
    server: S3Server, aws: Callable[..., Any], operation: str
) -> None:
    content = b"a" if operation == "PutObject" else LARGE
    server.faults.append(s3_server.unavailable(operation, 1000))

    failed = aws(*UP, "-", "s3://bucket/a", stdin=content)

    assert failed.returncode == 1
    assert f"An error occurred (SlowDown) when calling the {operation} operation" in (
        failed.stderr.decode()
    )
    assert (server.objects(), server.pending()) == ({}, 0)


@pytest.mark.parametrize("content", [b"0123456789" * 100, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("target", ["b", "-"])
def test_a_body_that_ends_early_is_read_on_from_there(
    server: S3Server, aws: Callable[..., Any], content: bytes, target: str
) -> None:
    server.put("a", content)
    server.faults.append(s3_server.truncated(1))

    done = aws(*CP, "s3://bucket/a", target)

    assert done.returncode == 0, done.stderr
    assert (done.stdout if target == "-" else Path("b").read_bytes()) == content


def test_a_download_that_fails_leaves_what_was_there(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    server.put("d/a", b"0123456789" * 100)
    Path("b").write_text("old")
    server.faults.append(s3_server.truncated(1000))

    assert aws(*CP, "s3://bucket/d/a", "b").returncode == 1
    assert aws(*CP, "--recursive", "s3://bucket/d", "d").returncode == 1

    assert Path("b").read_text() == "old"
    assert sorted(path.name for path in Path().rglob("*")) == ["b", "d"]


def test_one_file_that_fails_does_not_end_the_others(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    for name in "abc":
        server.put(f"d/{name}", b"x")
    server.faults.append(
        lambda call, _, start: (
            start("403 Forbidden", []) or [b""] if call.path.endswith("/d/b") else None
        )
    )

    assert aws(*CP, "--recursive", "s3://bucket/d", "d").returncode == 1
    assert sorted(path.name for path in Path("d").iterdir()) == ["a", "c"]


@pytest.mark.parametrize(
    ("links", "left"),
    [
        ({"d/l1": ".", "d/l2": "."}, ["d/a"]),
        ({"d/x/l": "../y", "d/y/l": "../x"}, ["d/a", "d/x/l/b", "d/y/b"]),
    ],
    ids=["itself twice", "each other"],
)
def test_a_folder_that_contains_itself_is_left_out(
    server: S3Server, aws: Callable[..., Any], links: dict[str, str], left: list[str]
) -> None:
    """The AWS CLI follows the first of these 2^40 times."""
    Path("d").mkdir()
    Path("d/a").write_text("a")
    if "d/y/l" in links:
        Path("d/x").mkdir()
        Path("d/y").mkdir()
        Path("d/y/b").write_text("b")
    for name, target in links.items():
        Path(name).symlink_to(target)

    done = aws(*UP, "--recursive", "d", "s3://bucket/d")

    assert done.returncode == 2
    assert sorted(server.objects()) == left
    warnings = done.stderr.decode().splitlines()
    assert len(warnings) == 2
    assert all(". Folder contains itself: it is a link to d" in line for line in warnings)


def test_links_that_multiply_are_given_up(server: S3Server, aws: Callable[..., Any]) -> None:
    """Each folder has two links to the next: 2^30 paths, none of which goes round."""
    for number in range(31):
        Path(f"d/{number}").mkdir(parents=True)
        for name in ("l1", "l2"):
            Path(f"d/{number}/{name}").symlink_to(f"../{number + 1}")
    Path("d/31").mkdir()
    Path("d/31/a").write_text("a")

    failed = aws(*UP, "--recursive", "d", "s3://bucket/d")

    assert failed.returncode == 1
    (line,) = failed.stderr.decode().splitlines()
    assert line.endswith("More than 1000 paths of links lead to this folder")


def test_an_empty_folder_survives_the_trip(server: S3Server, aws: Callable[..., Any]) -> None:
    for name in ("d/empty", "d/sub/empty", "alone"):
        Path(name).mkdir(parents=True)
    for name in ("d", "alone"):
        assert aws(*UP, "--recursive", name, f"s3://bucket/{name}").returncode == 0
        assert aws("s3", "ls", f"s3://bucket/{name}").stdout.split() == [
            b"PRE",
            f"{name}/".encode(),
        ]
        assert aws(*CP, "--recursive", f"s3://bucket/{name}", f"got/{name}").returncode == 0
    assert sorted(server.objects()) == ["alone/", "d/empty/", "d/sub/empty/"]
    made = sorted(str(path) for path in Path("got").rglob("*"))
    assert made == ["got/alone", "got/d", "got/d/empty", "got/d/sub", "got/d/sub/empty"]


@pytest.mark.parametrize("key", ["l/out", "l", "l/deep/out", "l/"])
def test_a_link_in_the_target_does_not_lead_a_download_out(
    server: S3Server, aws: Callable[..., Any], key: str
) -> None:
    Path("d").mkdir()
    Path("out").mkdir()
    Path("d/l").symlink_to("../out")
    server.put(f"d/{key}", b"" if key.endswith("/") else b"a")
    server.put("d/ok", b"a")

    aws(*CP, "--recursive", "s3://bucket/d", "d")

    assert list(Path("out").iterdir()) == []
    assert Path("d/ok").read_bytes() == b"a"


def test_a_pipe_in_the_target_does_not_hold_a_download(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    Path("d").mkdir()
    os.mkfifo("d/p")
    server.put("d/p", b"a")

    failed = aws(*CP, "--recursive", "s3://bucket/d", "d")

    assert failed.returncode == 1
    assert b"FIFO" in failed.stderr


@pytest.mark.parametrize("content", [b"0123456789" * 100, LARGE], ids=["small", "large"])
def test_a_file_that_becomes_shorter_meanwhile_is_not_uploaded(
    server: S3Server, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    # Not tried again a hundred times either, with up to 20 s between.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "100")
    Path("a").write_bytes(content)
    os.truncate("a", len(content))

    def shorten(call: Call, _: Any, start: Callable[..., Any]) -> list[bytes] | None:
        if call.operation not in {"PutObject", "UploadPart"}:
            return None
        os.truncate("a", 10)
        body = b"<Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>"
        start("503 Slow Down", [("Content-Length", str(len(body)))])
        return [body]

    server.faults.append(shorten)

    failed = aws(*UP, "a", "s3://bucket/a")

    assert failed.returncode == 1
    assert failed.stderr.decode().endswith("the file became shorter while it was uploaded\n")
    assert (server.objects(), server.pending()) == ({}, 0)


@pytest.mark.parametrize("name", ["new\nline", "esc\x1b[31m", "\udcff"], ids=repr)
def test_a_message_is_one_line_whatever_the_name(aws: Callable[..., Any], name: str) -> None:
    Path("d").mkdir()
    Path("d", name).symlink_to("none")
    done = aws(*UP, "--recursive", "d", "s3://bucket/d")
    assert done.returncode == 2
    errors = done.stderr.decode()
    assert errors.endswith("\n")
    assert errors[:-1].isprintable()


def test_an_object_that_changes_meanwhile_is_not_mixed(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    server.put("a", LARGE)

    def replaced(call: Call, *_: Any) -> None:
        if "range" in call.headers:
            server.put("a", LARGE[::-1])

    server.faults.append(replaced)

    failed = aws(*CP, "s3://bucket/a", "b")

    assert failed.returncode == 1
    assert b"PreconditionFailed" in failed.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [*UP, "small", "s3://bucket/x"],
        [*UP, "large", "s3://bucket/x"],
        [*CP, "s3://bucket/a", "b"],
        [*CP, "s3://bucket/a", "-"],
        [*CP, "--recursive", "s3://bucket/", "d"],
        ["s3", "ls", "s3://bucket/a"],
    ],
    ids=" ".join,
)
def test_a_bucket_in_another_region_is_found(
    server: S3Server, aws: Callable[..., Any], arguments: list[str]
) -> None:
    Path("small").write_bytes(b"a")
    Path("large").write_bytes(LARGE)
    server.put("a", b"a")
    server.faults.append(s3_server.moved("eu-central-1"))

    done = aws(*arguments)

    assert done.returncode == 0, done.stderr
    assert sum("/us-west-2/" in call.headers["authorization"] for call in server.calls) == 1


def test_a_signal_ends_an_upload_and_removes_its_parts(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    program = TASK_S3.here()
    with subprocess.Popen(
        [str(program), *UP, "-", "s3://bucket/a"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as upload:
        assert upload.stdin is not None
        arrived = threading.Event()
        server.faults.append(
            lambda call, *_: arrived.set() if call.operation == "UploadPart" else None
        )
        upload.stdin.write(LARGE)
        upload.stdin.flush()
        assert arrived.wait(60)
        upload.send_signal(signal.SIGTERM)
        assert upload.wait(60) == 128 + signal.SIGTERM

    assert (server.objects(), server.pending()) == ({}, 0)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([*UP, "small", "s3://bucket/x"], {"PutObject": 1}),
        ([*UP, "-", "s3://bucket/x"], {"PutObject": 1}),
        ([*CP, "s3://bucket/a", "b"], {"GetObject": 1}),
        ([*CP, "s3://bucket/a", "-"], {"GetObject": 1}),
        (["s3", "ls", "s3://bucket/a"], {"ListObjectsV2": 1}),
        ([*CP, "s3://bucket/large", "b"], {"GetObject": 2}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_call_is_made_that_is_not_needed(
    server: S3Server, aws: Callable[..., Any], arguments: list[str], asked: dict[str, int]
) -> None:
    Path("small").write_bytes(b"a")
    server.put("a", b"a")
    server.put("large", LARGE)

    assert aws(*arguments).returncode == 0
    assert server.asked() == asked


def test_a_downloaded_file_is_as_old_as_its_object(
    server: S3Server, aws: Callable[..., Any]
) -> None:
    server.put("a", b"a", age=1_000_000)
    assert aws(*CP, "s3://bucket/a", "b").returncode == 0
    stored = server.changed("a")
    assert int(Path("b").stat().st_mtime) == int(stored.timestamp())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([*CP, "--exclude", "x", "a", "s3://b/a"], "unknown option --exclude"),
        (["s3", "mv", "a", "s3://b/a"], "unknown command `s3 mv`"),
        (["s3", "cp", "--quiet", "a"], "`s3 cp` with 1 paths"),
        (["ec2", "describe-instances"], "unknown command `ec2 describe-instances`"),
        ([*CP, "s3://b/a", "s3://b/c"], "`s3 cp` from S3 to S3"),
        ([*CP, "a", "b"], "`s3 cp` between two local paths"),
        (["s3", "cp", "a", "s3://b/a"], "`s3 cp` without --only-show-errors"),
        ([*CP, "a", "s3://b/a", "--sse"], "--sse has no value"),
        ([*CP, "--sse", "DES", "a", "s3://b/a"], "--sse is DES; known: AES256, aws:kms"),
        ([*CP, "--recursive", "-", "s3://b/a"], "`s3 cp --recursive` of a stream"),
        (["s3", "ls", "--recursive", "s3://b/a"], "`s3 ls --recursive`"),
        (["s3", "ls", "folder"], "`s3 ls` of folder"),
        (["s3", "ls", "s3:///a"], "s3:///a names no bucket"),
        ([], "unknown command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_anything_else_is_refused_in_words(
    aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    refused = aws(*arguments)
    assert (refused.returncode, refused.stdout) == (252, b"")
    assert refused.stderr.decode().startswith(f"aws: {reason}")
    assert len(refused.stderr.splitlines()) == 1


def test_anything_else_goes_to_the_aws_cli_of_the_image(
    aws: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "bin" / "aws"
    real.parent.mkdir()
    real.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 7\n')
    real.chmod(0o755)
    monkeypatch.setenv("PATH", f"{real.parent}:/usr/bin:/bin")

    done = aws("s3", "sync", "a b", "s3://b/")

    assert (done.returncode, done.stdout) == (7, b"<--region><us-west-2><s3><sync><a b><s3://b/>")


def test_two_of_us_do_not_hand_a_call_to_each_other(
    aws: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(TASK_S3.here(), tmp_path / "bin" / "aws")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert aws("s3", "sync", "a", "s3://b/").returncode == 252


KEYS = {"AccessKeyId": "ASIA1", "SecretAccessKey": "a/b+c", "Token": "t=="}


@contextmanager
def credentials() -> Iterator[str]:
    """Credentials as an ECS task gets them, and an instance."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._say(b"token")

        def do_GET(self) -> None:
            # The time-out of a token is what tells a client that it may keep it.
            is_role = self.path.endswith("/security-credentials/")
            whole = {"Code": "Success", "Expiration": "2999-01-01T00:00:00Z", **KEYS}
            self._say(b"role" if is_role else json.dumps(whole, indent=1).encode())

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("of", ["a job", "an instance"])
def test_credentials_come_from_where_tasks_have_them(
    server: S3Server, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    server.put("a", b"a")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with credentials() as url:
        if of == "a job":
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials/1")
        else:
            monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        done = aws(*CP, "s3://bucket/a", "-")
    assert (done.returncode, done.stdout) == (0, b"a"), done.stderr
    (call,) = server.calls
    assert "Credential=ASIA1/" in call.headers["authorization"]
    assert call.headers["x-amz-security-token"] == "t=="


def test_without_credentials_nothing_is_sent(
    server: S3Server, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    failed = aws(*UP, "-", "s3://bucket/a", stdin=b"a")
    assert failed.returncode == 1
    assert b"credentials" in failed.stderr
    assert server.calls == []


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, Path]]:
    """The same over TLS, and the certificate authority that answers for it."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=local",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    with s3_server.s3_server(ssl_context=(str(certificate), str(key))) as server:
        yield server, certificate


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_over_tls_everything_arrives_with_its_checksum(
    secure: tuple[S3Server, Path], aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = secure
    server.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    for name, content in (("empty", b""), ("small", b"a"), ("large", LARGE)):
        Path(name).write_bytes(content)
        assert aws(*CP, *ALL, name, f"s3://bucket/{name}").returncode == 0
        assert aws(*CP, f"s3://bucket/{name}", "-").stdout == content
        assert aws(*UP, "-", f"s3://bucket/{name}", stdin=content).returncode == 0
        assert server.content(name) == content
    sent = [call for call in server.calls if call.operation in {"PutObject", "UploadPart"}]
    assert all(
        "x-amz-trailer" in call.headers or "x-amz-checksum-crc32" in call.headers for call in sent
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_an_image_without_certificates_trusts_mozillas_and_no_other(
    secure: tuple[S3Server, Path], aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = secure
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    failed = aws("s3", "ls", "s3://bucket/")
    assert failed.returncode == 255
    assert b"certificate signed by unknown authority" in failed.stderr
