"""The buckets of a run; S3 is that of the local AWS."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nextflow_head import buckets
from nextflow_head.input_error import InputError, MissingPermissionError
from tests.support.batch import KEYS, REGION, Testbed, process_testbed
from tests.support.run_bucket import environment, make_bucket


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        yield bed


@pytest.fixture
def s3(testbed: Testbed) -> Any:
    return make_bucket(testbed)


def test_buckets_must_be_there_and_in_the_queues_region(testbed: Testbed, s3: Any) -> None:
    buckets.check(environment(s3.name), s3)
    elsewhere = testbed.unique("elsewhere")
    abroad = testbed.session.client(
        "s3", region_name="eu-west-1", endpoint_url=testbed.endpoint, **KEYS
    )
    abroad.create_bucket(
        Bucket=elsewhere, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )

    with pytest.raises(InputError, match="the bucket absent does not exist"):
        buckets.check(environment("absent"), s3)
    with pytest.raises(
        InputError, match=f"its bucket is in eu-west-1, and the queue is in {REGION}"
    ):
        buckets.check(environment(s3.name, NF_LOGSDIR=f"s3://{elsewhere}/logs"), s3)


def test_a_denial_names_action_and_resource(testbed: Testbed, s3: Any) -> None:
    """HEAD answers have no body, so AWS's say 403 and nothing else."""

    class Denying:
        def head_bucket(self, Bucket: str) -> Any:  # noqa: N803 - as boto3 names it
            answer = {"Error": {"Code": "403", "Message": "Forbidden"}}
            raise ClientError(answer, "HeadBucket")  # type: ignore[arg-type]

    with pytest.raises(MissingPermissionError) as caught:
        buckets.check(environment(s3.name), Denying())

    assert caught.value.outcome.status == 4
    assert caught.value.lines == (
        f"NF_WORKDIR=s3://{s3.name}/runs cannot be used: no permission for s3:ListBucket on"
        f" arn:aws:s3:::{s3.name}: allow it in the role's policy",
    )
