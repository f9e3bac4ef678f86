"""Each fault of the switch is what a client of AWS would meet, for as long as it was asked for."""

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from local_aws.errors import RequestError
from local_aws.server import LocalAws
from tests.support.local_aws import Stack, batch_job, impatient, parameter


@pytest.fixture(autouse=True)
def _no_faults(aws: LocalAws) -> Iterator[None]:
    yield
    aws.faults.clear()


def switch(aws: LocalAws, fault: Any) -> tuple[int, Any]:
    """Ask for a fault as another program does."""
    body = fault if isinstance(fault, bytes) else json.dumps(fault).encode()
    connection = http.client.HTTPConnection("localhost", aws.port, timeout=5)
    connection.request("POST", "/_local/faults", body)
    answer = connection.getresponse()
    found = json.load(answer)
    connection.close()
    return answer.status, found


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("s3", lambda client: client.list_buckets(), "SlowDown"),
        ("batch", lambda client: client.describe_job_queues(), "ServiceUnavailable"),
        ("logs", lambda client: client.describe_log_groups(), "ServiceUnavailable"),
        ("ec2", lambda client: client.describe_vpcs(), "ServiceUnavailable"),
        ("sts", lambda client: client.get_caller_identity(), "ServiceUnavailable"),
        ("cloudformation", lambda client: client.list_exports(), "ServiceUnavailable"),
    ],
)
def test_an_unavailable_service_answers_503_in_its_own_form(
    aws: LocalAws, service: str, call: Any, code: str
) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    https://smithy.io/2.0/aws/protocols/index.html
    """
    switch(aws, {"kind": "unavailable", "service": service, "seconds": 60})
    client = impatient(aws, service)
    with pytest.raises(ClientError) as refused:
        call(client)
    error = refused.value.response

    assert error["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert error["Error"]["Code"] == code
    assert error["Error"]["Message"]
    assert error["ResponseMetadata"]["RequestId"]


def test_only_the_named_service_is_unavailable(aws: LocalAws) -> None:
    """Ours: the switch names one service, as an outage of one is the usual case."""
    aws.faults.unavailable("batch", 60)

    assert impatient(aws, "s3").list_buckets()
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        impatient(aws, "batch").describe_job_queues()


def test_a_denying_service_names_the_action_where_aws_does(aws: LocalAws) -> None:
    """As in https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html ."""
    switch(aws, {"kind": "denied", "service": "batch", "path": "/v1/submitjob", "seconds": 60})
    batch = impatient(aws, "batch")

    with pytest.raises(
        ClientError, match="not authorized to perform: batch:SubmitJob on"
    ) as caught:
        batch.submit_job(jobName="a", jobQueue="a", jobDefinition="a")

    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert batch.describe_job_queues()


def test_objects_below_a_path_are_denied_and_no_others(aws: LocalAws) -> None:
    """S3's code for it is `AccessDenied`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    s3 = impatient(aws, "s3")
    s3.create_bucket(Bucket="denying", CreateBucketConfiguration={"LocationConstraint": aws.region})
    aws.faults.denied("s3", "/denying/secret", 60)

    s3.put_object(Bucket="denying", Key="open", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="denying", Key="secret/a", Body=b"")


def test_a_service_is_available_again_after_its_seconds(aws: LocalAws) -> None:
    """Ours: a fault ends by itself."""
    s3 = impatient(aws, "s3")
    s3.list_buckets()
    aws.faults.unavailable("s3", 1)
    with pytest.raises(ClientError):
        s3.list_buckets()
    time.sleep(1.1)

    assert s3.list_buckets()


def test_a_large_upload_to_an_unavailable_service_gets_the_503(aws: LocalAws) -> None:
    """The answer arrives although nobody wants the body: the connection is not just cut.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (SlowDown)
    """
    aws.faults.unavailable("s3", 60)
    with pytest.raises(ClientError) as refused:
        impatient(aws, "s3").put_object(Bucket="b", Key="k", Body=b"x" * 20_000_000)

    assert refused.value.response["Error"]["Code"] == "SlowDown"


def test_a_head_request_gets_503_without_a_body(aws: LocalAws) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#name-head."""
    aws.faults.unavailable("s3", 60)
    with pytest.raises(ClientError) as refused:
        impatient(aws, "s3").head_object(Bucket="b", Key="k")

    assert refused.value.response["Error"]["Code"] == "503"


def test_retries_get_over_a_short_fault(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html."""
    patient: Any = boto3.session.Session().client(
        "sts",
        region_name="us-west-2",
        endpoint_url=aws.endpoint,
        config=Config(retries={"total_max_attempts": 10, "mode": "standard"}),
    )
    aws.faults.unavailable("sts", 0.5)

    assert patient.get_caller_identity()["Account"]


def test_refused_connections_are_refused_and_come_back_on_the_same_port(aws: LocalAws) -> None:
    """Ours: the listener closes and opens again where clients know it."""
    port, s3 = aws.port, impatient(aws, "s3")
    assert s3.list_buckets()
    switch(aws, {"kind": "refused", "seconds": 1})
    time.sleep(0.5)
    with pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    time.sleep(1)

    assert s3.list_buckets()
    assert aws.port == port


def test_a_second_refusal_replaces_the_first(aws: LocalAws) -> None:
    """Ours: the last switch counts."""
    aws.faults.refused(0.3)
    aws.faults.refused(1.2)
    time.sleep(0.7)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", aws.port))
    time.sleep(0.8)

    assert impatient(aws, "s3").list_buckets()


def test_jobs_keep_their_credentials_while_aws_refuses_connections(
    aws: LocalAws, tmp_path: Path
) -> None:
    """They come from the ECS agent, which is on the worker.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    note = tmp_path / "uri"
    batch_job(aws, f"echo $AWS_CONTAINER_CREDENTIALS_FULL_URI >{note}.new; mv {note}.new {note}")
    deadline = time.monotonic() + 200
    while not note.exists():
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.05)
    aws.faults.refused(0.5)

    # The job may have ended, and its credentials with it: an answer it is all the same.
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(note.read_text().strip() + "-not")  # noqa: S310
    time.sleep(0.7)


def test_refusing_connections_drops_the_open_ones(aws: LocalAws) -> None:
    """Ours: a lost network cuts what is under way as well."""
    with socket.create_connection(("127.0.0.1", aws.port), timeout=5) as connection:
        connection.sendall(
            f"PUT /data/half HTTP/1.1\r\nHost: localhost:{aws.port}\r\n"
            "Content-Length: 5\r\n\r\nhe".encode()
        )
        time.sleep(0.2)
        aws.faults.refused(0.3)

        assert connection.recv(1000) in {b"", b"HTTP/1.1 100 Continue\r\n\r\n"}
    time.sleep(0.5)
    assert impatient(aws, "s3").list_buckets()


def test_a_stack_fails_when_its_services_do(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html."""
    aws.faults.unavailable("ssm", 60)
    stack = Stack.new(aws)

    assert stack.create({"Note": parameter("x")}) == "ROLLBACK_COMPLETE"
    assert "Service is unable to handle request." in stack.events("CREATE_FAILED")[0][2]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "the body must be a JSON object"),
        ({"kind": "slow"}, "kind is 'slow'; allowed are unavailable, denied, refused, host-reclaimed, failed-pull"),
        ({"kind": "unavailable", "seconds": 1}, "service is None; unavailable needs a string"),
        ({"kind": "unavailable", "service": "s3"}, "seconds is None; unavailable needs a number from 0 to 3600"),
        ({"kind": "refused", "seconds": -1}, "seconds is -1; refused needs a number from 0 to 3600"),
        ({"kind": "refused", "seconds": True}, "seconds is True"),
        ({"kind": "host-reclaimed"}, "job is None; host-reclaimed needs a string"),
        ({"kind": "host-reclaimed", "job": "no-such-job"}, "no-such-job"),
        ({"kind": "failed-pull", "image": ["x"]}, "image is ['x']; failed-pull needs a string"),
    ],
)  # fmt: skip
def test_a_fault_that_cannot_be_is_refused_in_words(
    aws: LocalAws, fault: Any, message: str
) -> None:
    """Ours: AWS has no fault switch."""
    status, answer = switch(aws, fault)

    assert status == 400
    assert message in answer["error"]


def wait(aws: LocalAws, job: str, *statuses: str) -> dict[str, Any]:
    """Wait for one of the statuses."""
    deadline = time.monotonic() + 200
    while True:
        (found,) = aws.client("batch").describe_jobs(jobs=[job])["jobs"]
        if found["status"] in statuses:
            return dict(found)
        assert time.monotonic() < deadline, found["status"]
        time.sleep(0.05)


def test_a_job_whose_host_is_reclaimed_fails_as_on_spot(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html."""
    job = batch_job(aws, "sleep 60")
    wait(aws, job, "RUNNING")
    switch(aws, {"kind": "host-reclaimed", "job": job})
    ended = wait(aws, job, "FAILED")

    assert ended["statusReason"].startswith("Host EC2 (instance i-")
    assert ended["statusReason"].endswith("terminated.")


def test_a_pull_that_fails_fails_the_job_as_ecs_says_it(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html."""
    switch(aws, {"kind": "failed-pull"})
    ended = wait(aws, batch_job(aws, "true"), "FAILED")

    assert ended["container"]["reason"].startswith("CannotPullContainerError: ")


def test_faults_of_jobs_need_jobs() -> None:
    """Ours: AWS has no fault switch."""
    with pytest.raises(RequestError, match="no jobs can run here"):
        LocalAws().faults.failed_pull()
