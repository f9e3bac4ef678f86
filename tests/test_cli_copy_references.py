"""`nfbatch copy-references`: what it copies, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.batch import REGION
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = "public-genomes"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        made.s3.create_bucket(
            Bucket=SOURCE, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for key in ("GRCh38/genome.fa", "GRCh38/genome.fa.fai", "GRCm39/genome.fa"):
            made.s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
        yield made


def copies(lab: DeploymentTestbed) -> set[str]:
    found = lab.s3.list_objects_v2(Bucket=lab.bucket, Prefix="references/").get("Contents", [])
    return {item["Key"] for item in found}


def test_what_is_named_is_copied_once(lab: DeploymentTestbed) -> None:
    place = f"s3://{SOURCE}/GRCh38/"
    tried = lab.nfbatch("copy-references", "--dry-run", "--json", place).json
    assert (tried["objects"], copies(lab)) == (2, set())

    first = lab.nfbatch("copy-references", "--json", place).json
    again = lab.nfbatch("copy-references", "--json", place).json

    assert copies(lab) == {
        f"references/{SOURCE}/GRCh38/genome.fa",
        f"references/{SOURCE}/GRCh38/genome.fa.fai",
    }
    assert (first["objects"], first["present"]) == (2, 0)
    assert (again["objects"], again["present"]) == (0, 2)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (SOURCE, "is not allowed: must be a prefix in a bucket"),
        (f"s3://{SOURCE}", "is not allowed: must be a prefix in a bucket"),
        (f"s3://{SOURCE}/GRCh99/", "there is nothing below s3://public-genomes/GRCh99/"),
    ],
)
def test_a_place_without_references_is_one_line(
    lab: DeploymentTestbed, place: str, message: str
) -> None:
    refused = lab.nfbatch("copy-references", place)

    assert message in refused.err
    assert refused.err.count("\n") == 1


def test_each_of_several_places_must_have_something(lab: DeploymentTestbed) -> None:
    places = (f"s3://{SOURCE}/GRCh38/", f"s3://{SOURCE}/GRCh99/")

    refused = lab.nfbatch("copy-references", "--dry-run", *places)

    assert "there is nothing below s3://public-genomes/GRCh99/" in refused.err
