"""Which job's head works in a session; S3 and Batch are those of the local AWS."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nextflow_head import claim
from nextflow_head.environment import Environment
from nextflow_head.refusal import Denied, Refusal
from nextflow_head.session import Session
from tests.support.batch import KEYS, REGION, Gate, Testbed, process_testbed


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as made:
        yield made


@pytest.fixture
def s3(testbed: Testbed) -> Any:
    client = testbed.client("s3")
    client.create_bucket(
        Bucket=(name := testbed.unique("claims")),
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    client.name = name
    return client


def environment(bucket: str, job_id: str = "a", **changes: str) -> Environment:
    return Environment.read(
        {
            "AWS_BATCH_JOB_ID": job_id,
            "AWS_REGION": REGION,
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": f"s3://{bucket}/runs",
            "NF_LOGSDIR": f"s3://{bucket}/logs",
            **changes,
        }
    )


def test_only_the_first_head_of_a_session_finds_it_fresh(testbed: Testbed, s3: Any) -> None:
    session = Session.of(environment(s3.name))

    assert claim.take(session, "a", s3, testbed.batch) is False
    assert claim.take(session, "a", s3, testbed.batch) is True


def test_a_session_is_taken_over_when_its_job_has_ended(testbed: Testbed, s3: Any) -> None:
    ended = testbed.run("true")["jobId"]
    session = Session.of(environment(s3.name, ended))
    claim.take(session, ended, s3, testbed.batch)

    assert claim.take(session, "b", s3, testbed.batch) is True
    assert claim.take(session, "b", s3, testbed.batch) is True


def test_two_running_jobs_never_share_a_session(testbed: Testbed, s3: Any) -> None:
    gate = Gate()
    running = testbed.submit(gate.script)
    testbed.wait(running, "RUNNING")
    session = Session.of(environment(s3.name, running))
    claim.take(session, running, s3, testbed.batch)

    with pytest.raises(Refusal) as caught:
        claim.take(session, "b", s3, testbed.batch)

    gate.open()
    assert caught.value.lines == (
        f"the session in s3://{s3.name}/runs/run-{running} cannot be claimed: job {running} works"
        " in it (RUNNING); wait for its end, or terminate it",
    )


def test_of_two_that_take_over_at_once_one_wins(testbed: Testbed, s3: Any) -> None:
    session = Session.of(environment(s3.name, "gone"))
    claim.take(session, "gone", s3, testbed.batch)

    class Overtaken:
        """S3, with another head that is quicker between the look and the write."""

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def get_object(self, **request: Any) -> Any:
            answer = s3.get_object(**request)
            claim.take(session, "quicker", s3, testbed.batch)
            return answer

    with pytest.raises(Refusal, match="cannot be claimed"):
        claim.take(session, "slower", Overtaken(), testbed.batch)

    assert claim.take(session, "quicker", s3, testbed.batch) is True


def test_buckets_must_be_there_and_in_the_queues_region(testbed: Testbed, s3: Any) -> None:
    claim.check(environment(s3.name), s3)
    elsewhere = testbed.unique("elsewhere")
    abroad = testbed.session.client(
        "s3", region_name="eu-west-1", endpoint_url=testbed.endpoint, **KEYS
    )
    abroad.create_bucket(
        Bucket=elsewhere, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )

    with pytest.raises(Refusal, match="there is no bucket absent"):
        claim.check(environment("absent"), s3)
    with pytest.raises(Refusal, match=f"its bucket is in eu-west-1, and the queue in {REGION}"):
        claim.check(environment(s3.name, NF_LOGSDIR=f"s3://{elsewhere}/logs"), s3)


def test_a_denial_names_action_and_resource(testbed: Testbed, s3: Any) -> None:
    """HEAD answers have no body, so AWS's say 403 and nothing else."""

    class Denying:
        def head_bucket(self, Bucket: str) -> Any:  # noqa: N803 - as boto3 names it
            answer = {"Error": {"Code": "403", "Message": "Forbidden"}}
            raise ClientError(answer, "HeadBucket")  # type: ignore[arg-type]

    with pytest.raises(Denied) as caught:
        claim.check(environment(s3.name), Denying())

    assert caught.value.status == 4
    assert caught.value.lines == (
        f"NF_WORKDIR=s3://{s3.name}/runs cannot be used: no permission for s3:ListBucket on"
        f" arn:aws:s3:::{s3.name}: allow it in the role's policy",
    )
