"""What S3 lists, and in which order."""

from typing import Any
from uuid import uuid4

import pytest

from local_aws.s3_keys import SortedKeys
from local_aws.server import LocalAws

KEYS = ["b/2/x", "a", "b", "b/1", "b/2", "b/20/y", "b/2/a", "c/é", "c/z"]


@pytest.fixture(params=["Suspended", "Enabled"])
def bucket(request: Any, aws: LocalAws) -> Any:
    """A bucket with and without versions, and its client."""
    s3, name = aws.client("s3"), f"listing-{uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": request.param})
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return lambda operation, **more: getattr(s3, operation)(Bucket=name, **more)


def _keys(answer: dict[str, Any]) -> list[str]:
    return [item["Key"] for item in answer.get("Contents", [])]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("prefix", ["", "b", "b/", "b/2", "b/2/", "c/é", "nothing", "zz"])
def test_a_listing_has_what_begins_with_the_prefix_in_order(
    bucket: Any, operation: str, prefix: str
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (Prefix)."""
    expected = sorted(key for key in KEYS if key.startswith(prefix))
    assert _keys(bucket(operation, Prefix=prefix)) == expected


def test_a_listing_folds_what_lies_behind_the_delimiter(bucket: Any) -> None:
    """Likewise (Delimiter)."""
    answer = bucket("list_objects_v2", Prefix="b/", Delimiter="/")
    assert _keys(answer) == ["b/1", "b/2"]
    assert [item["Prefix"] for item in answer["CommonPrefixes"]] == ["b/2/", "b/20/"]


def test_pages_of_a_listing_neither_repeat_nor_skip(bucket: Any) -> None:
    """Likewise (ContinuationToken)."""
    found: list[str] = []
    more: dict[str, str] = {}
    while True:
        answer = bucket("list_objects_v2", Prefix="b", MaxKeys=2, **more)
        found += _keys(answer)
        if not answer["IsTruncated"]:
            break
        more = {"ContinuationToken": answer["NextContinuationToken"]}
    assert found == sorted(key for key in KEYS if key.startswith("b"))


def test_a_listing_forgets_what_was_deleted_and_has_once_what_was_put_twice(bucket: Any) -> None:
    """A versioned bucket keeps the key with a marker, which a listing does not show."""
    bucket("delete_object", Key="b/2")
    bucket("put_object", Key="b/1", Body=b"again")
    assert _keys(bucket("list_objects_v2", Prefix="b/")) == ["b/1", "b/2/a", "b/2/x", "b/20/y"]
    bucket("put_object", Key="b/2", Body=b"back")
    assert _keys(bucket("list_objects_v2", Prefix="b/2"))[0] == "b/2"


def test_a_key_is_gone_once_its_last_version_is_deleted(bucket: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html."""
    for version in bucket("list_object_versions", Prefix="b/2/x")["Versions"]:
        bucket("delete_object", Key="b/2/x", VersionId=version["VersionId"])
    assert _keys(bucket("list_objects_v2", Prefix="b/2/")) == ["b/2/a"]


def test_a_listing_looks_at_no_more_than_what_begins_with_the_prefix() -> None:
    """Ours: moto would look at all keys of the bucket."""
    keys = SortedKeys()
    for key in KEYS:
        keys.setlist(key, [key.encode()])
    assert keys.beginning_with("b/2") == {
        "b/2": b"b/2",
        "b/2/a": b"b/2/a",
        "b/2/x": b"b/2/x",
        "b/20/y": b"b/20/y",
    }
