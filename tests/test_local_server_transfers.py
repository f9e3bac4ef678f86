"""What SDKs and the AWS CLI send and fetch arrives whole, however they frame it."""

import hashlib
import http.client
import io
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assets.go_program import TASK_S3
from local_aws.server import LocalAws
from tests.support.local_aws import impatient, local_testbed

LARGE = 50 * 1024 * 1024


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_testbed(tmp_path_factory.mktemp("aws")) as made:
        made.client("s3").create_bucket(
            Bucket="data", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
        yield made


@pytest.fixture(scope="module")
def large() -> bytes:
    return os.urandom(1024 * 1024) * (LARGE // (1024 * 1024))


def digest_of(s3: Any, key: str) -> str:
    return hashlib.sha256(s3.get_object(Bucket="data", Key=key)["Body"].read()).hexdigest()


def test_a_large_object_goes_up_in_one_request_and_comes_down(aws: LocalAws, large: bytes) -> None:
    """boto3 asks with `Expect: 100-continue` and sends a checksum of its own.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    s3 = impatient(aws, "s3")
    answer = s3.put_object(Bucket="data", Key="large", Body=io.BytesIO(large))

    assert "ChecksumCRC32" in answer or "ChecksumCRC64NVME" in answer
    assert digest_of(s3, "large") == hashlib.sha256(large).hexdigest()


def test_a_large_object_goes_up_in_parts(aws: LocalAws, large: bytes) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html."""
    s3 = impatient(aws, "s3")
    s3.upload_fileobj(io.BytesIO(large), "data", "parts")

    assert s3.head_object(Bucket="data", Key="parts")["ETag"].rstrip('"').endswith("-7")
    assert digest_of(s3, "parts") == hashlib.sha256(large).hexdigest()


def test_the_aws_cli_copies_a_large_file_up_and_down(
    aws: LocalAws, large: bytes, tmp_path: Path
) -> None:
    """https://docs.aws.amazon.com/cli/latest/reference/s3/cp.html."""
    (tmp_path / "up").write_bytes(large)
    for source, target in (("up", "s3://data/cli"), ("s3://data/cli", "down")):
        subprocess.run(
            [sys.executable, "-m", "awscli", "s3", "cp", "--quiet", source, target],
            env=aws.environment(),
            cwd=tmp_path,
            check=True,
        )

    assert (tmp_path / "down").read_bytes() == large


def test_the_tasks_client_copies_a_large_file_in_parts_and_lists_it(
    aws: LocalAws, large: bytes, tmp_path: Path
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html."""
    (tmp_path / "up").write_bytes(large)

    program = TASK_S3.here(platform.system().lower())

    def client(*arguments: str) -> str:
        return subprocess.check_output(
            [str(program), "s3", *arguments], env=aws.environment(), cwd=tmp_path, text=True
        )

    client("cp", "--only-show-errors", "up", "s3://data/go/object")
    client("cp", "--only-show-errors", "s3://data/go/object", "down")

    assert (tmp_path / "down").read_bytes() == large
    assert str(LARGE) in client("ls", "s3://data/go/")


def test_only_one_100_continue_is_sent(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html (Expect)."""
    with socket.create_connection(("127.0.0.1", aws.port), timeout=5) as connection:
        connection.sendall(
            f"PUT /data/expected HTTP/1.1\r\nHost: localhost:{aws.port}\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")

        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_chunked_body_arrives_whole(aws: LocalAws) -> None:
    """Ours: S3 wants a length, but a proxy before it may not keep one."""
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=5)
    body = (part for part in (b"one,", b"two,", b"three"))
    headers = {"Transfer-Encoding": "chunked"}
    connection.request("PUT", "/data/chunked", body=body, headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()

    answer = aws.client("s3").get_object(Bucket="data", Key="chunked")
    assert answer["Body"].read() == b"one,two,three"


def test_a_body_in_the_sdks_own_chunks_arrives_bare(aws: LocalAws) -> None:
    """`aws-chunked` with a trailing checksum, as SDKs send what they cannot rewind.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """
    chunks = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=5)
    connection.request("PUT", "/data/framed", body=chunks, headers=headers)
    assert connection.getresponse().status == 200
    connection.close()

    assert aws.client("s3").get_object(Bucket="data", Key="framed")["Body"].read() == b"hello"


def test_a_range_and_an_empty_object_come_as_asked(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html."""
    s3 = aws.client("s3")
    s3.put_object(Bucket="data", Key="empty", Body=b"")
    s3.put_object(Bucket="data", Key="ten", Body=b"0123456789")

    assert s3.get_object(Bucket="data", Key="empty")["Body"].read() == b""
    assert s3.get_object(Bucket="data", Key="ten", Range="bytes=2-4")["Body"].read() == b"234"


def test_a_connection_serves_one_request_after_the_other(aws: LocalAws) -> None:
    """SDKs keep theirs open; a body that nobody read is not the next request.

    https://www.rfc-editor.org/rfc/rfc9112#section-9.3
    """
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=5)
    connection.connect()
    kept = connection.sock
    for method, path, status in (
        ("POST", "/_local/nothing", 404),
        ("HEAD", "/_local/health", 200),
        ("PUT", "/data/kept", 200),
        ("GET", "/_local/health", 200),
    ):
        connection.request(method, path, body=b"GET / HTTP/1.1\r\n\r\n" * 10_000)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    assert connection.sock is kept
    connection.close()


def test_many_clients_at_once_are_all_answered(aws: LocalAws) -> None:
    """Ours: 32 at once are what a head's transfers make here."""
    s3 = impatient(aws, "s3")

    def put(number: int) -> int:
        s3.put_object(Bucket="data", Key=f"many/{number}", Body=b"x" * 1000)
        return number

    with ThreadPoolExecutor(32) as pool:
        assert len(list(pool.map(put, range(200)))) == 200
    found = s3.list_objects_v2(Bucket="data", Prefix="many/")
    assert found["KeyCount"] == 200
