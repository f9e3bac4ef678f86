"""No web page that the user has open gets an answer; SDKs and command lines do."""

import http.client
from typing import Any

import pytest

from local_aws import browsers
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
        {"Host": "169.254.170.2:{}"},
        {"Host": "bucket.169.254.170.2:{}"},
        {"Host": "host.docker.internal:{}"},
        {"Host": "bucket.host.docker.internal:{}"},
        {"Host": "123456789012.dkr.ecr.us-west-2.amazonaws.com:{}"},
        {"Host": "0.0.0.0:{}"},
        {"Host": ""},
        {"User_Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15"},
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
        "bucket.localhost:{}",
    ],
)
def test_the_names_of_this_machine_are_answered(aws: LocalAws, host: str) -> None:
    status, headers = ask(
        aws, path="/_local/health", Host=host, Sec_Fetch_Site="none", User_Agent="Mozilla/5.0"
    )

    assert status == 200
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("peer", "is_answered"),
    [
        ("169.254.170.3", True),
        ("169.254.170.2", False),
        ("127.0.0.1", False),
        ("172.17.0.2", False),
    ],
)
def test_the_address_in_dockers_network_is_for_containers(peer: str, is_answered: bool) -> None:
    """Browsers say nothing in `Sec-Fetch-Site` to a plain address that is not a loopback one.

    Source: https://www.w3.org/TR/fetch-metadata/#abstract-opdef-set-site
    """
    request = {"HTTP_HOST": "169.254.170.2:4566", "SERVER_PORT": "4566", "REMOTE_ADDR": peer}

    assert (browsers.refusal(request) is None) == is_answered


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
