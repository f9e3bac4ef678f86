"""The workflow of GitHub Actions: what it runs, whom it trusts, and what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from audit import pipeline
from local_aws.batch import credentials
from local_aws.batch.place import Place
from local_aws.batch.process_runner import ProcessRunner
from local_aws.cdk import Cdk, variables
from local_aws.server import LocalAws
from stacks import paths, review, settings_file
from tests.support.local_aws import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def test_environments_are_deployed_in_their_order_and_none_after_one_that_failed(
    jobs: dict[str, Any],
) -> None:
    strategy = jobs["deploy"]["strategy"]
    assert (strategy["max-parallel"], strategy["fail-fast"]) == (1, True)
    assert jobs["deploy"]["environment"] == "${{ matrix.environment.name }}"
    for name in ("review", "deploy"):
        assert jobs[name]["if"].startswith("vars.ENVIRONMENTS && "), "a new copy has none"
        keys = set(re.findall(r"matrix\.environment\.(\w+)", str(jobs[name])))
        page = (paths.ROOT / "docs" / "pipeline.md").read_text("utf-8")
        (documented,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
        assert all(keys <= entry.keys() for entry in json.loads(textwrap.dedent(documented)))


#: Stand for GitHub's command and for make: they write down how they are called.
_GH = """\
#!/bin/sh
echo "gh $*" >>calls
case "$*" in
*--method*) ;;
*/comments*) printf %s "$COMMENTS" ;;
*/pulls*) printf '%s\\n' $LABELS ;;
esac
"""
_MAKE = """\
#!/bin/sh
echo "make $* REPLACE_DATA=$REPLACE_DATA GO_ON=$GO_ON" >>calls
case "$*" in *review*) printf %s "$REVIEW"; exit "$STATUS" ;; esac
"""


def _run_step(job: dict[str, Any], folder: Path, **variables: str) -> tuple[int, list[str]]:
    """Run the last step of a job as GitHub does; returns its exit status and the calls."""
    for name, text in (("gh", _GH), ("make", _MAKE)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    given = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "lab/nextflow",
        "GITHUB_SHA": "c0ffee",
        "SETTINGS": "lab",
        "NUMBER": "7",
        "REVIEW": "### What deploying `lab` would change\n\nNothing.\n",
        "STATUS": "0",
        **variables,
    }
    script = job["steps"][-1]["run"]
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=given, check=False)
    return done.returncode, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("status", ["0", "3"])
def test_the_first_review_is_a_comment_and_the_next_changes_it(
    jobs: dict[str, Any], tmp_path: Path, status: str
) -> None:
    first, calls = _run_step(jobs["review"], tmp_path, STATUS=status)
    assert first == int(status)
    assert calls[-1] == "gh pr comment 7 --repo lab/nextflow --body-file review.md"
    assert 'startswith("### What deploying `lab` would change")' in calls[-2]

    again, calls = _run_step(jobs["review"], tmp_path, STATUS=status, COMMENTS="11\n12")
    assert again == int(status)
    assert "--method PATCH repos/lab/nextflow/issues/comments/12 " in calls[-1]


def test_a_review_that_could_not_be_made_is_no_comment(
    jobs: dict[str, Any], tmp_path: Path
) -> None:
    status, calls = _run_step(jobs["review"], tmp_path, STATUS="1", REVIEW="")

    assert (status, len(calls)) == (1, 1)


@pytest.mark.parametrize(
    ("labels", "allowed"),
    [
        ("", "REPLACE_DATA= GO_ON="),
        ("replace-data", "REPLACE_DATA=1 GO_ON="),
        ("go-on other", "REPLACE_DATA= GO_ON=1"),
    ],
)
def test_labels_say_what_a_deploy_may_do(
    jobs: dict[str, Any], tmp_path: Path, labels: str, allowed: str
) -> None:
    status, calls = _run_step(jobs["deploy"], tmp_path, LABELS=labels)

    assert (status, calls[1:]) == (
        0,
        [f"make --silent review SETTINGS=lab {allowed}", f"make deploy SETTINGS=lab {allowed}"],
    )


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


def _statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = role["PolicyDocument"]["Statement"]
    return found


def _roles() -> tuple[dict[str, Any], dict[str, Any]]:
    settings = settings_file.read(paths.SETTINGS, "default")
    found = pipeline.roles(settings, "lab/nextflow", "production")
    return found["nextflow-default-review"], found["nextflow-default-deploy"]


def test_a_pull_request_may_only_read_the_deployments_stacks() -> None:
    looks, _ = _roles()
    (statement,) = _statements(looks)

    assert statement["Action"] == ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"]
    assert statement["Resource"].endswith("us-west-2:ACCOUNT:stack/nextflow-default-*")


def test_the_environment_deploys_with_what_a_person_needs_who_does() -> None:
    _, deploys = _roles()
    page = (paths.ROOT / "docs" / "prerequisites.md").read_text("utf-8")
    (document,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    roles, *others = _statements(deploys)
    known = json.loads(document)["Statement"]

    assert {arn.rpartition("/")[2].split("-role-")[0] for arn in roles["Resource"]} == {
        f"cdk-hnb659fds-{name}" for name in ("deploy", "file-publishing", "image-publishing")
    }
    for statement in others:
        for key, value in (
            ("ACCOUNT", "ACCOUNT"),
            ("us-west-2", "REGION"),
            ("-default-", "-DEPLOYMENT-"),
        ):
            statement["Resource"] = statement["Resource"].replace(key, value)
    assert others == known[1:]
    (trust,) = deploys["AssumeRolePolicyDocument"]["Statement"]
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:lab/nextflow:environment:production"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["default", "lab", "production"], "REPOSITORY=lab is not allowed: must be OWNER/NAME"),
        (["default", "lab/*", "production"], "REPOSITORY=lab/* is not allowed"),
        (["default", "lab/x", "*"], "ENVIRONMENT=* is not allowed: must be the name of"),
        (["nope", "lab/x", "production"], "settings: 'nope' is not allowed"),
    ],
)
def test_what_is_not_allowed_is_one_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.main(arguments) == 2

    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert problem in output.err


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS with access control, and a stack whose bucket the settings have no more."""
    folder = tmp_path_factory.mktemp("aws")
    runner = ProcessRunner(folder / "worker")
    with LocalAws(runner=runner, state_dir=folder, access_control=True) as made:
        Cdk(made, paths.ROOT).bootstrap()
        bucket = {"Resources": {"Old": {"Type": "AWS::S3::Bucket"}}}
        made.client("cloudformation").create_stack(
            StackName="nextflow-default-data", TemplateBody=json.dumps(bucket)
        )
        yield made


def _as(aws: LocalAws, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the workflow with the credentials of one of its roles."""
    iam, role = aws.client("iam"), _roles()[name == "deploy"]
    document = json.dumps(role["PolicyDocument"]).replace("ACCOUNT", ACCOUNT)
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    keys = credentials.answer(credentials.grant(Place(ACCOUNT, aws.region), arn, "github"))
    assert keys is not None
    environment = {
        **aws.environment(),
        **variables(aws),
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["Token"],
        "CI": "true",
    }
    return subprocess.run(
        command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_role_of_reviews_can_review_and_the_comment_has_nothing_else(aws: LocalAws) -> None:
    done = _as(aws, "review", sys.executable, "-m", "stacks.review", "default")

    assert done.returncode == 3, done.stderr
    assert "**Data would be replaced or deleted**: refused" in done.stdout
    assert "- `[-] AWS::S3::Bucket Old destroy`" in done.stdout
    assert "```\nStack nextflow-default-data" in done.stdout
    assert "assume" not in done.stdout


def test_the_role_of_the_environment_can_plan_a_deploy(aws: LocalAws, tmp_path: Path) -> None:
    synth = ("cdk", "synth", "--quiet", "-c", "settings=default", "--output", str(tmp_path))
    assert subprocess.run(synth, cwd=paths.ROOT, capture_output=True, check=False).returncode == 0

    plan = (sys.executable, "-m", "stacks.deploy", str(tmp_path), "--plan")
    done = _as(aws, "deploy", *plan)
    assert done.returncode == 2
    assert "bucket nextflow-default-data-old" in done.stderr, "it has read the stack"
