"""`nfbatch leftovers`: lists what is left, removes it only when asked, and never data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import typer

from nfbatch.error import Kind
from tests.support.deployment import DeploymentTestbed, deployment_testbed
from tests.support.recorded_aws import Answers, Denied, RecordedAws
from tests.support.recorded_deployment import BATCH, HEALTHY, nfbatch, queue

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG = "nextflow-batch:deployment"
NOW = datetime.now(UTC)


def tags(deployment: str) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": deployment}]


def volume(name: str, deployment: str, hours: float = 5) -> dict[str, Any]:
    return {
        "VolumeId": name,
        "Size": 50,
        "State": "available",
        "CreateTime": NOW - timedelta(hours=hours),
        "Tags": tags(deployment),
    }


def definition(name: str, role: str = "arn:aws:iam::1:role/task") -> dict[str, Any]:
    return {
        "jobDefinitionName": name,
        "jobDefinitionArn": f"{BATCH}:job-definition/{name}:3",
        "revision": 3,
        "type": "container",
        "containerProperties": {"image": "quay.io/lab/tool:9", "jobRoleArn": role},
    }


def resource(arn: str, deployment: str) -> dict[str, Any]:
    return {"ResourceARN": arn, "Tags": tags(deployment)}


OLD = "arn:aws:iam::1:role/nextflow-old-data-TaskRole-1"
ASSETS = "cdk-hnb659fds-container-assets-123456789012-us-west-2"


def head(deployment: str, tag: str) -> dict[str, Any]:
    image = f"123456789012.dkr.ecr.us-west-2.amazonaws.com/{ASSETS}:{tag}"
    return definition(f"{deployment}-heads") | {
        "tags": {TAG: deployment},
        "containerProperties": {"image": image},
    }


DEFINITIONS: dict[str, list[dict[str, Any]]] = {
    "INACTIVE": [head("gone", "unused"), head("gone", "shared"), head("lab", "earlier")],
    "ACTIVE": [
        definition("nf-lab_quay-io-lab-tool"),
        definition("nf-gone_quay-io-lab-tool"),
        definition("nf-old_tool", OLD),
        # Plain Nextflow's, of an image with an underscore.
        definition("nf-someones_tool"),
        definition("unrelated"),
        head("lab", "shared"),
        head("gone", "last"),
    ],
}
LEFT: Answers = {
    **HEALTHY,
    "DescribeJobDefinitions": lambda params: {"jobDefinitions": DEFINITIONS[params["status"]]},
    "DescribeImages": {
        "imageDetails": [
            {"imageTags": [tag]} for tag in ("unused", "shared", "earlier", "last", "someones")
        ]
    },
    "DescribeVolumes": {
        "Volumes": [
            volume("vol-crashed", "lab"),
            volume("vol-gone", "gone"),
            volume("vol-new", "lab", hours=0.5),
        ]
    },
    "GetResources": {
        "ResourceTagMappingList": [
            resource("arn:aws:logs:us-west-2:123456789012:log-group:gone-logs:*", "gone"),
            resource("arn:aws:s3:::gone-bucket", "gone"),
            resource("arn:aws:kms:us-west-2:123456789012:key/k-1", "gone"),
            resource("arn:aws:logs:us-west-2:123456789012:log-group:lab-logs:*", "lab"),
            resource("arn:aws:s3:::lab-bucket", "lab"),
        ]
    },
    "DescribeRepositories": {
        "repositories": [
            {"repositoryName": "gone/quay/biocontainers/fastqc"},
            {"repositoryName": "gone/app"},
            {"repositoryName": "lab/quay/biocontainers/fastqc"},
        ]
    },
}
REMOVED = {
    "DeregisterJobDefinition": ["nf-gone_quay-io-lab-tool:3", "nf-old_tool:3", "gone-heads:3"],
    "BatchDeleteImage": [f"{ASSETS}:unused", f"{ASSETS}:last"],
    "DeleteVolume": ["vol-crashed", "vol-gone"],
    "DeleteLogGroup": ["gone-logs"],
}


class Account(RecordedAws):
    """An account that notes what is removed."""

    def __init__(self, answers: Answers) -> None:
        self.removed: dict[str, list[str]] = {}
        noted = {name: self._note(name) for name in REMOVED if name not in answers}
        super().__init__({**answers, **noted})

    def _note(self, name: str) -> Any:
        def answer(params: dict[str, Any]) -> dict[str, Any]:
            if name == "BatchDeleteImage":
                (image,) = params["imageIds"]
                chosen = f"{params['repositoryName']}:{image['imageTag']}"
            else:
                (chosen,) = params.values()
            self.removed.setdefault(name, []).append(chosen)
            return {"failures": []} if name == "BatchDeleteImage" else {}

        return answer


def found(answers: Answers) -> dict[str, bool]:
    said = json.loads(nfbatch(Account(answers), "leftovers", "--json").out)
    return {each["id"]: each["removable"] for each in said["leftovers"]}


def test_only_what_is_provably_of_no_deployment_is_listed() -> None:
    assert found(LEFT) == {
        "nf-gone_quay-io-lab-tool:3": True,
        "nf-old_tool:3": True,
        "gone-heads:3": True,
        f"{ASSETS}:unused": True,
        f"{ASSETS}:last": True,
        "vol-crashed": True,
        "vol-gone": True,
        "gone-logs": True,
        "gone-bucket": False,
        "k-1": False,
        "gone/quay/biocontainers/fastqc": False,
    }


@pytest.mark.parametrize("answers", [
    {"DescribeJobQueues": {"jobQueues": [queue(tags={TAG: "gone"})]}},
    {
        "DescribeStacks": {
            "Stacks": [
                {
                    "StackName": "nextflow-gone-data",
                    "StackStatus": "CREATE_IN_PROGRESS",
                    "CreationTime": NOW,
                    "Tags": tags("gone"),
                }
            ]
        }
    },
])  # fmt: skip
def test_a_deployment_without_a_document_exists_too(answers: Answers) -> None:
    left = found({**LEFT, **answers})

    # A volume that nobody has attached for hours is left by a crash.
    assert set(left) == {"nf-old_tool:3", "vol-crashed", "vol-gone"}


def test_nothing_is_removed_unasked() -> None:
    account = Account(LEFT)
    done = nfbatch(account, "leftovers")

    assert (done.status, account.removed) == (0, {})
    assert "vol-crashed" in done.out


def test_without_a_terminal_it_does_not_ask_and_does_not_remove() -> None:
    account = Account(LEFT)
    done = nfbatch(account, "leftovers", "--remove")

    assert (done.status, account.removed) == (Kind.BAD_INPUT, {})
    assert done.err == ("nfbatch: --remove asks before it removes: use a terminal, or add --yes\n")
    assert nfbatch(account, "leftovers", "--yes").status == Kind.BAD_INPUT
    assert account.removed == {}


@pytest.mark.parametrize(("answer", "removed"), [(True, REMOVED), (False, {})])
def test_in_a_terminal_it_asks_once(
    answer: bool, removed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def confirm(text: str) -> bool:
        asked.append(text)
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)
    account = Account(LEFT)
    nfbatch(account, "leftovers", "--remove")

    assert asked == ["Remove 3 job definitions, 2 images of heads, 2 volumes, 1 log groups?"]
    assert account.removed == removed


def test_with_yes_it_removes_what_may_be_removed() -> None:
    account = Account(LEFT)
    done = nfbatch(account, "leftovers", "--remove", "--yes")

    assert account.removed == REMOVED
    assert (
        done.out.splitlines()[-1]
        == "removed 3 job definitions, 2 images of heads, 2 volumes, 1 log groups"
    )


def test_what_aws_refuses_is_named_and_the_rest_is_removed() -> None:
    account = Account({**LEFT, "DeleteVolume": Denied("ec2:DeleteVolume")})
    done = nfbatch(account, "leftovers", "--remove", "--yes")

    assert done.status == Kind.NO_PERMISSION
    assert "volume vol-gone was not removed: your credentials may not call ec2:DeleteVolume" in (
        done.err
    )
    assert set(account.removed) == set(REMOVED) - {"DeleteVolume"}
    assert done.err.splitlines()[-1] == "nfbatch: 2 of 8 things were not removed"


def test_an_image_that_ecr_keeps_is_named() -> None:
    failure = {"imageId": {}, "failureReason": "Image is referenced by a manifest list"}
    account = Account({**LEFT, "BatchDeleteImage": {"failures": [failure]}})
    done = nfbatch(account, "leftovers", "--remove", "--yes")

    assert f"head-image {ASSETS}:last was not removed: Image is referenced" in done.err
    assert done.err.splitlines()[-1] == "nfbatch: 2 of 8 things were not removed"


def test_an_account_without_leftovers_says_so() -> None:
    assert nfbatch(Account(HEALTHY), "leftovers").err == "nothing is left in us-west-2\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


def test_on_the_local_aws_they_are_gone_afterwards(lab: DeploymentTestbed) -> None:
    testbed = lab.testbed
    testbed.client("logs").create_log_group(logGroupName="past", tags={TAG: "past"})
    testbed.batch.register_job_definition(
        jobDefinitionName="nf-past_tool",
        type="container",
        containerProperties={"image": "x", "vcpus": 1, "memory": 64},
    )
    kept = lab.nfbatch("leftovers", "--json").json
    done = lab.nfbatch("leftovers", "--remove", "--yes", "--json").json

    ids = {each["id"] for each in kept["leftovers"]}
    assert (ids, kept["removed"]) == ({"past", "nf-past_tool:1"}, [])
    assert set(done["removed"]) == ids
    assert lab.nfbatch("leftovers", "--json").json["leftovers"] == []
    assert lab.nfbatch("list", "--json").status == 0
