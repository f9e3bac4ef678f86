"""Why something in S3 could not be read or written; S3 is that of the local AWS."""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from nextflow_head.outcome import Outcome, State
from nextflow_head.s3_access import Access, S3Access
from tests.support.batch import KEYS, REGION, Testbed, process_testbed
from tests.support.nextflow_ways import Fault, Way
from tests.support.s3_of_way import ENVIRONMENT, S3OfWay

FAR = "eu-west-1"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        near = bed.client("s3")
        far = bed.session.client("s3", region_name=FAR, endpoint_url=bed.endpoint, **KEYS)
        for client, bucket, region in ((near, "near", REGION), (far, "far", FAR)):
            client.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
            )
            client.put_object(Bucket=bucket, Key="x.fq", Body=b"x")
            client.put_object(Bucket=bucket, Key="empty", Body=b"")
        yield bed


def problem(connect: Callable[[], Any], access: Access, uri: str) -> Outcome | None:
    assert ENVIRONMENT.region == REGION
    return S3Access(ENVIRONMENT, connect).problem(access, uri)


@pytest.mark.parametrize(
    ("access", "uri", "line"),
    [
        (
            Access.READ,
            "s3://near/nowhere.fq",
            "s3://near/nowhere.fq does not exist: check its name; upper and lower case matter",
        ),
        (
            Access.READ,
            "s3://nowhere/x.fq",
            "s3://nowhere/x.fq does not exist: there is no bucket nowhere; check its name",
        ),
        (
            Access.WRITE,
            "s3://nowhere/out",
            "s3://nowhere/out does not exist: there is no bucket nowhere; check its name",
        ),
        (
            Access.READ,
            "s3://far/x.fq",
            f"s3://far/x.fq is in {FAR}, and this run is in {REGION}: copy it to a bucket in"
            f" {REGION}",
        ),
        (
            Access.WRITE,
            "s3://far/out",
            f"s3://far/out is in {FAR}, and this run is in {REGION}: publish to a bucket in"
            f" {REGION}",
        ),
    ],
)
def test_says_what_s3_finds_wrong(testbed: Testbed, access: Access, uri: str, line: str) -> None:
    found = problem(lambda: testbed.client("s3"), access, uri)

    assert found == Outcome(State.BAD_INPUT, 2, line)


@pytest.mark.parametrize(
    ("access", "uri"),
    [
        (Access.READ, "s3://near/x.fq"),
        (Access.READ, "s3://near/empty"),
        (Access.WRITE, "s3://near/out"),
        (Access.READ, "s3://near"),
        (Access.READ, "S3://Near/x.fq"),
    ],
)
def test_says_nothing_where_s3_finds_nothing_wrong(
    testbed: Testbed, access: Access, uri: str
) -> None:
    assert problem(lambda: testbed.client("s3"), access, uri) is None


def test_a_question_about_writing_writes_nothing(testbed: Testbed) -> None:
    s3 = testbed.client("s3")

    problem(lambda: s3, Access.WRITE, "s3://near/out")

    assert s3.list_objects_v2(Bucket="near", Prefix="out")["KeyCount"] == 0
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="near")


@pytest.mark.parametrize(
    ("path", "access", "line"),
    [
        (
            "/bucket/in.fq",
            Access.READ,
            "the head's role may not read s3://bucket/in.fq: allow s3:GetObject in the role's policy",
        ),
        (
            "/bucket/in.fq",
            Access.WRITE,
            "the head's role may not write s3://bucket/in.fq: allow s3:PutObject in the role's policy",
        ),
    ],
)
def test_the_deployments_own_bucket_is_no_reference_bucket(
    path: str, access: Access, line: str
) -> None:
    way = Way(fault=Fault("s3", path, 403, "AccessDenied", "Access Denied"))

    found = problem(lambda: S3OfWay(way), access, f"s3:/{path}")

    assert found == Outcome(State.NO_PERMISSION, 4, line)


def test_an_archived_object_names_its_storage_class() -> None:
    class Archive:
        def get_object(self, **_: str) -> None:
            answer = {
                "Error": {"Code": "InvalidObjectState", "StorageClass": "DEEP_ARCHIVE"},
                "ResponseMetadata": {"HTTPStatusCode": 403},
            }
            raise ClientError(answer, "GetObject")  # type: ignore[arg-type]

    found = problem(Archive, Access.READ, "s3://other-lab/x.fq")

    assert found
    assert found.line == (
        "s3://other-lab/x.fq is archived (DEEP_ARCHIVE): restore it, then submit the job again"
    )


def test_a_denied_abort_says_nothing_of_writing() -> None:
    class Unabortable(S3OfWay):
        def abort_multipart_upload(self, **_: str) -> None:
            answer = {"Error": {"Code": "AccessDenied"}}
            raise ClientError(answer, "AbortMultipartUpload")  # type: ignore[arg-type]

    assert problem(lambda: Unabortable(Way()), Access.WRITE, "s3://results/out") is None


@pytest.mark.parametrize("access", Access)
@pytest.mark.parametrize("far", [False, True])
def test_a_denied_question_about_the_region_denies_nothing_else(access: Access, far: bool) -> None:
    """S3 names the region without permission for HeadBucket too, as AWS documents it."""
    headers = {"x-amz-bucket-region": FAR} if far else {}

    class Unlisted(S3OfWay):
        def head_bucket(self, **_: str) -> NoReturn:
            answer = {
                "Error": {"Code": "403"},
                "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": headers},
            }
            raise ClientError(answer, "HeadBucket")  # type: ignore[arg-type]

    found = problem(lambda: Unlisted(Way()), access, "s3://other-lab/x.fq")

    assert (found.state if found else None) is (State.BAD_INPUT if far else None)


def test_an_s3_that_cannot_be_reached_ends_in_a_line() -> None:
    class Absent:
        def get_object(self, **_: str) -> None:
            raise EndpointConnectionError(endpoint_url="https://s3.us-west-2.amazonaws.com")

    found = problem(Absent, Access.READ, "s3://other-lab/x.fq")

    assert found
    assert found.state is State.UNREACHABLE
    assert found.line.startswith("S3 did not respond for s3://other-lab/x.fq (Could not connect to")


@pytest.mark.parametrize("access", Access)
def test_a_line_is_short_whatever_the_key(access: Access) -> None:
    way = Way(fault=Fault("s3", "/other-lab", 403, "AccessDenied", "Access Denied"))

    found = problem(lambda: S3OfWay(way), access, f"s3://other-lab/{'x' * 1000}")

    assert found
    assert len(found.line) <= 300
