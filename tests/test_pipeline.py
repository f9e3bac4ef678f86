"""The workflow of GitHub Actions: what it runs, whom it trusts, and what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from audit import pipeline
from stacks import paths, review, settings_file

WORKFLOW = paths.ROOT / ".github" / "workflows" / "deployment.yml"
DIFFERENCE = """\
Stack nextflow-lab-data
Resources
[~] AWS::S3::Bucket Storage/Bucket StorageBucket5CB7C8EA replace
 └─ [~] BucketName (requires replacement)
Stack nextflow-lab-batch
Resources
[+] AWS::Batch::JobQueue Compute/new-queue Computenewqueue
[-] AWS::Batch::JobQueue Compute/old-queue Computeoldqueue destroy
[~] AWS::EC2::LaunchTemplate Worker/Template WorkerTemplate
"""


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    text = WORKFLOW.read_text()
    loaded: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return loaded


def test_each_target_that_the_workflow_runs_is_there() -> None:
    makefile = (paths.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    lines = re.findall(r"\bmake (?:--silent )?([a-z ]+)", WORKFLOW.read_text())
    named = {word for line in lines for word in line.split() if word in line and word != "and"}

    assert {"lint", "types", "test", "synth", "review", "deploy"} <= named
    assert named - targets - {"make", "target", "that", "runs", "anywhere"} == set()


def test_each_action_is_pinned_by_its_commit(jobs: dict[str, Any]) -> None:
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]

    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name)] == []


def test_no_job_has_more_permissions_than_it_uses(jobs: dict[str, Any]) -> None:
    assert yaml.safe_load(WORKFLOW.read_text())["permissions"] == {}
    assert {name: set(job["permissions"]) for name, job in jobs.items()} == {
        "check": {"contents"},
        "review": {"contents", "id-token", "pull-requests"},
        "deploy": {"contents", "id-token", "pull-requests"},
    }


def test_what_is_replaced_comes_first_and_data_before_all() -> None:
    text = review.comment(DIFFERENCE, "lab", allowed=False)
    places = [text.index(word) for word in ("StorageBucket5", "Computeoldqueue", "<details>")]

    assert places == sorted(places)
    assert "**Data would be replaced or deleted**: refused" in text
    assert "WorkerTemplate" not in text[: text.index("<details>")]


def test_only_data_is_refused() -> None:
    assert len(review.data(review.lost(DIFFERENCE))) == 1
    without = DIFFERENCE.replace("StorageBucket5CB7C8EA replace", "StorageBucket5CB7C8EA")
    assert review.data(review.lost(without)) == []


def test_a_comment_is_never_longer_than_github_takes() -> None:
    assert len(review.comment("x" * 100_000, "lab", allowed=False)) < 65_536


def test_a_pull_request_may_only_look_and_the_environment_may_deploy() -> None:
    settings = settings_file.read(paths.SETTINGS, "default")
    roles = pipeline.roles(settings, "lab/nextflow", "production")
    looks, deploys = roles["nextflow-default-review"], roles["nextflow-default-deploy"]

    def resources(role: dict[str, Any]) -> list[str]:
        (statement,) = role["PolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        return [arn.rpartition("/")[2].split("-role-")[0] for arn in statement["Resource"]]

    assert resources(looks) == ["cdk-hnb659fds-lookup"]
    assert "cdk-hnb659fds-deploy" in resources(deploys)
    (trust,) = deploys["AssumeRolePolicyDocument"]["Statement"]
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:lab/nextflow:environment:production"
