"""The tasks' `aws`: each form that Nextflow writes, against the real AWS CLI on the same server."""

import http.server
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws import worker_root

CP = ["s3", "cp", "--only-show-errors"]
UP = [*CP, "--storage-class", "STANDARD"]
SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]


class Done(NamedTuple):
    code: int
    out: bytes
    err: bytes


Client = Callable[..., Done]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = worker_root.prepare(tmp_path_factory.mktemp("worker"))
    return root / worker_root.CLIENT_DIRECTORY / "aws"


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = boto3.client("s3", region_name="us-west-2", endpoint_url=endpoint)
    place = {"LocationConstraint": "us-west-2"}
    try:
        client.create_bucket(Bucket="bucket", CreateBucketConfiguration=place)
    except client.exceptions.BucketAlreadyOwnedByYou:
        names = [
            item["Key"] for item in client.list_objects_v2(Bucket="bucket").get("Contents", [])
        ]
        for name in names:
            client.delete_object(Bucket="bucket", Key=name)
    yield client
    client.close()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files as tasks have them: blanks, unicode, letters that are patterns elsewhere, links."""
    folder = tmp_path / "task"
    (folder / "dir" / "sub dir").mkdir(parents=True)
    (folder / "dir" / "nothing").mkdir()
    (folder / "dir" / "a").write_text("a\n")
    (folder / "dir" / "sub dir" / "ü b").write_text("b\n")
    (folder / "dir" / "empty").touch()
    (folder / "dir" / "link").symlink_to("a")
    (folder / "it's a*b?[c].txt").write_text("odd\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ours(shim: Path) -> Client:
    def call(*arguments: str, given: bytes = b"") -> Done:
        done = subprocess.run(
            [str(shim), "--region", "us-west-2", *arguments],
            input=given,
            capture_output=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def real(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Client:
    """The AWS CLI in this process: starting one for each call would take longer than the call."""

    def call(*arguments: str, given: bytes = b"") -> Done:
        # Importing it sets this variable for the whole process; so it is taken back with the test.
        monkeypatch.setenv("AWS_DATA_PATH", "")
        clidriver = importlib.import_module("awscli.clidriver")
        monkeypatch.setenv("AWS_DATA_PATH", str(Path(clidriver.__file__ or "").parent / "data"))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capfdbinary.readouterr()
        code = clidriver.create_clidriver().main(["--region", "us-west-2", *arguments])
        return Done(code, *capfdbinary.readouterr())

    return call


def stored(s3: Any, prefix: str) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket="bucket", Key=item["Key"])[
            "Body"
        ].read()
        for item in listed
    }


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("source", "target"),
    [("dir/a", "dir/a"), ("it's a*b?[c].txt", "it's a*b?[c].txt"), ("dir/empty", "folder/")],
)
def test_a_file_goes_up_as_with_the_real_client(  # noqa: PLR0917 - fixtures
    s3: Any, tree: Path, ours: Client, real: Client, source: str, target: str
) -> None:
    assert ours(*UP, source, f"s3://bucket/ours/{target}") == (0, b"", b"")
    assert real(*UP, source, f"s3://bucket/real/{target}") == (0, b"", b"")
    assert stored(s3, "ours/") == stored(s3, "real/") != {}


def test_a_folder_goes_up_as_with_the_real_client(
    s3: Any, tree: Path, ours: Client, real: Client
) -> None:
    recursive = [*CP, "--recursive", "--sse", "AES256", "--storage-class", "STANDARD"]
    assert ours(*recursive, "dir", "s3://bucket/ours/dir") == (0, b"", b"")
    assert real(*recursive, "dir", "s3://bucket/real/dir") == (0, b"", b"")
    assert stored(s3, "ours/") == stored(s3, "real/")
    assert set(stored(s3, "ours/dir/")) == {"a", "empty", "link", "sub dir/ü b"}
    head = s3.head_object(Bucket="bucket", Key="ours/dir/a")
    assert head["ServerSideEncryption"] == "AES256"


def test_standard_input_goes_up_as_with_the_real_client(
    s3: Any, ours: Client, real: Client
) -> None:
    assert ours(*UP, "-", "s3://bucket/ours/.exitcode", given=b"0").code == 0
    assert real(*UP, "-", "s3://bucket/real/.exitcode", given=b"0").code == 0
    assert stored(s3, "ours/") == stored(s3, "real/") == {".exitcode": b"0"}


def test_downloads_are_those_of_the_real_client(
    s3: Any, tree: Path, ours: Client, real: Client
) -> None:
    for key in ("in/dir/a", "in/dir/sub dir/ü b", "in/dir-not/this", "in/it's a*b?[c].txt"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    # Nextflow makes such markers for folders.
    s3.put_object(Bucket="bucket", Key="in/dir/", Body=b"")
    for name, client in (("ours", ours), ("real", real)):
        into = f"{name}/staged"
        assert client(*CP, "--recursive", "s3://bucket/in/dir", f"{into}/dir").code == 0
        assert client(*CP, "s3://bucket/in/it's a*b?[c].txt", f"{into}/odd").code == 0
        assert client(*CP, "--recursive", "s3://bucket/none", f"{into}/none").code == 0
        assert client(*CP, "s3://bucket/in/dir/a", "-") == (0, b"in/dir/a", b"")
    assert files(tree / "ours") == files(tree / "real")
    assert set(files(tree / "ours")) == {"staged/dir/a", "staged/dir/sub dir/ü b", "staged/odd"}


@pytest.mark.parametrize("source", ["in/", "in/dir", "in/dir/", "in/a", "none"])
def test_listings_are_those_of_the_real_client(
    s3: Any, ours: Client, real: Client, source: str
) -> None:
    for key, size in (("in/dir/x", 1), ("in/dir two/y", 0), ("in/a b", 12345678), ("in/ab", 9)):
        s3.put_object(Bucket="bucket", Key=key, Body=b"x" * size)
    listed, expected = (
        ours("s3", "ls", f"s3://bucket/{source}"),
        real("s3", "ls", f"s3://bucket/{source}"),
    )
    assert listed[:2] == expected[:2]


@pytest.mark.parametrize(
    "arguments",
    [
        [*CP, "s3://bucket/none", "-"],
        [*CP, "s3://bucket/none", "file"],
        [*CP, "s3://no-such-bucket/none", "file"],
        [*UP, "no-file", "s3://bucket/x"],
        ["s3", "ls", "s3://bucket/none"],
    ],
)
def test_failures_have_the_real_exit_code(
    s3: Any, tree: Path, ours: Client, real: Client, arguments: list[str]
) -> None:
    failed = ours(*arguments)
    assert (failed.code, failed.out) == real(*arguments)[:2]
    assert failed.code != 0
    assert not (tree / "file").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([*CP, "--exclude", "x", "a", "s3://b/a"], "unknown option --exclude"),
        (["s3", "mv", "a", "s3://b/a"], "unknown operation `s3 mv`"),
        (["s3", "cp", "a"], "`s3 cp` with 1 paths"),
        (["ec2", "describe-instances"], "unknown service ec2"),
        (["s3", "cp", "s3://b/a", "s3://b/c"], "s3 cp from S3 to S3"),
        (["s3", "cp", "a", "b"], "s3 cp between two local paths"),
        (["s3", "ls", "s3://b/a*"], "cannot list below a name with * or ?"),
        (["s3", "cp", "a", "s3://b/a", "--sse"], "--sse has no value"),
        ([], "unknown operation"),
    ],
)
def test_anything_else_is_refused_in_words(ours: Client, arguments: list[str], reason: str) -> None:
    refused = ours(*arguments)
    assert (refused.code, refused.out) == (252, b"")
    assert refused.err.decode().startswith(f"aws: {reason}")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_it_runs_in_the_shells_of_small_images(s3: Any, shim: Path, shell: list[str]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]} here")
    s3.put_object(Bucket="bucket", Key="in/dir/x", Body=b"")
    done = subprocess.run(
        [*shell, str(shim), "s3", "ls", "s3://bucket/in/dir"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"                           PRE dir/\n")


@pytest.fixture
def credentials_uri(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A container credentials endpoint on an address that s5cmd's SDK would not ask."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "a/b+c", "Token": "t=="}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(keys, indent=1).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    # An alias of loopback: the shim leaves no kind of host to the SDK, so any address will do.
    yield f"http://127.0.0.1:{server.server_port}/credentials/1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_job_role_s_credentials_are_fetched(
    s3: Any,
    ours: Client,
    credentials_uri: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri, asked = credentials_uri
    s3.put_object(Bucket="bucket", Key="x", Body=b"y")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    assert ours(*CP, "s3://bucket/x", "-") == (0, b"y", b"")
    assert asked == ["/credentials/1"]


def test_without_an_answer_there_are_no_credentials(
    ours: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/credentials/1")
    refused = ours("s3", "ls", "s3://bucket/")
    assert (refused.code, refused.out) == (255, b"")
    assert refused.err == b"aws: no credentials from http://127.0.0.1:1/credentials/1\n"


def test_a_second_preparation_leaves_the_files_alone(tmp_path: Path) -> None:
    first = worker_root.prepare(tmp_path / "root")
    names = ["aws", "s5cmd"]
    before = [(first / worker_root.CLIENT_DIRECTORY / name).stat().st_ino for name in names]
    (first / worker_root.CLIENT_DIRECTORY / "aws").write_text("old")
    worker_root.prepare(tmp_path / "root")
    after = [(first / worker_root.CLIENT_DIRECTORY / name).stat() for name in names]
    assert [status.st_ino for status in after][1] == before[1]
    assert after[0].st_size > 3
    assert {status.st_mode & 0o777 for status in after} == {0o755}
