"""No web page that the user has open gets an answer; SDKs and command lines do."""

import http.client
from typing import Any

import pytest

from local_aws.server import LocalAws


def ask(aws: LocalAws, method: str = "GET", path: str = "/", **headers: str) -> tuple[int, Any]:
    """Send a request and give the answer's status and headers."""
    named = {name.replace("_", "-"): value.format(aws.port) for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=5)
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


@pytest.mark.parametrize("path", ["/", "/_local/faults", "/v1/submitjob", "/moto-api/reset"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "rebound.example:{}"},
        {"Host": "localhost.example:{}"},
        {"Host": "notlocalhost:{}"},
        {"Host": "localhost"},
        {"Host": "localhost:1"},
    ],
)
def test_a_web_page_is_refused(aws: LocalAws, headers: dict[str, str], path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert ask(aws, method, path, **headers)[0] == 403


@pytest.mark.parametrize(
    "host",
    [
        "localhost:{}",
        "LOCALHOST:{}",
        "127.0.0.1:{}",
        "169.254.170.2:{}",
        "host.docker.internal:{}",
        "bucket.localhost:{}",
        "bucket.host.docker.internal:{}",
    ],
)
def test_the_names_of_this_machine_are_answered(aws: LocalAws, host: str) -> None:
    status, headers = ask(aws, path="/_local/health", Host=host, Sec_Fetch_Site="none")

    assert status == 200
    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_no_service_lets_web_pages_read_its_answers(aws: LocalAws) -> None:
    headers = ask(aws)[1]

    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_an_sdk_may_name_the_bucket_in_the_host(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html."""
    s3 = aws.client("s3")
    s3.create_bucket(
        Bucket="named-in-host", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    s3.put_object(Bucket="named-in-host", Key="key", Body=b"x")
    signed = "AWS4-HMAC-SHA256 Credential=local/20260101/us-west-2/s3/aws4_request"
    host = "named-in-host.localhost:{}"
    status, headers = ask(aws, path="/key", Host=host, Authorization=signed)

    assert (status, headers["Content-Length"]) == (200, "1")
