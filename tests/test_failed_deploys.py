"""What a deploy that failed leaves, and how the next one goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from stacks.transition import states
from stacks.transition.account import Account
from tests.support.local_aws import REGION, local_testbed
from tests.support.settings_changes import Change
from tests.support.transitions import Deployer

if TYPE_CHECKING:
    from pathlib import Path

BATCH = "nextflow-lab-batch"
#: Names that can be taken.
NAMED = Change(
    "named",
    {
        "roles.name_prefix": "lab-",
        "storage.bucket": "lab-results-2026",
        "storage.customer_key": True,
    },
)


@pytest.mark.e2e
def test_a_first_deploy_that_failed_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    with local_testbed(tmp_path) as aws:
        deployer = Deployer(aws)
        iam, template = aws.client("iam"), deployer.template(NAMED, "data")
        names = {
            resource["Properties"]["ManagedPolicyName"]
            for resource in template.resources.values()
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
        }
        statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        allowed = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        taken = [iam.create_policy(PolicyName=name, PolicyDocument=allowed) for name in names]
        failed = deployer.deploy(NAMED)
        assert "already exists" in "\n".join(failed.failures)
        for policy in taken:
            iam.delete_policy(PolicyArn=policy["Policy"]["Arn"])

        buckets = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
        assert [name for name in buckets if "accesslogs" not in name] == []
        assert aws.client("logs").describe_log_groups()["logGroups"] == []
        deployer.account.destroy("nextflow-lab-data")  # as the CDK does before it makes it anew
        assert deployer.deploy(NAMED).kind == "done"


def _account(*statuses: str) -> Account:
    """An account whose batch stack has these statuses, one after the other, and no other stack."""
    client = boto3.client(
        "cloudformation", REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    stub = Stubber(client)
    for status in statuses:
        stack = {"StackName": BATCH, "CreationTime": 0, "StackStatus": status}
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": BATCH})
    for name in ("operations", "network"):
        expected = {"StackName": f"nextflow-lab-{name}"}
        message = f"Stack with id {name} does not exist"
        stub.add_client_error("describe_stacks", "ValidationError", message, 400, None, expected)
    stub.activate()
    return Account(lambda _service: client)


@pytest.mark.parametrize(
    ("status", "way"),
    [
        ("CREATE_FAILED", f"npx cdk rollback {BATCH} -c settings=NAME"),
        ("UPDATE_FAILED", f"npx cdk rollback {BATCH} -c settings=NAME"),
        ("UPDATE_ROLLBACK_FAILED", f"continue-update-rollback --stack-name {BATCH}, when no job"),
        ("DELETE_FAILED", f"npx cdk destroy {BATCH} -c settings=NAME"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_refused_with_the_way(status: str, way: str) -> None:
    said: list[str] = []
    (refusal,) = states.refusals(_account(status).settled([BATCH], said.append))

    assert refusal.startswith(f"{BATCH}: is {status} and cannot be updated: first ")
    assert way in refusal
    assert said == []


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_what_an_interrupted_deploy_still_changes_is_waited_for(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    said: list[str] = []
    changing = ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]
    settled = _account(*changing, status).settled([BATCH], said.append)

    assert settled == {BATCH: status}
    assert len(waits) == 2
    assert said == [f"{BATCH}: is UPDATE_IN_PROGRESS, by an earlier deploy; waiting for it"]
    assert list(states.refusals(settled)) == []


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_a_stack_that_never_was_is_made_anew(status: str) -> None:
    settled = _account(status).settled([BATCH], pytest.fail)

    assert list(states.refusals(settled)) == []
    assert _account(status).deployed([BATCH]) == {}


def test_another_error_is_not_taken_for_a_stack_that_does_not_exist() -> None:
    client: Any = boto3.client(
        "cloudformation", REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    stub = Stubber(client)
    stub.add_client_error("describe_stacks", "AccessDenied", "not authorized", 403)
    stub.activate()
    with pytest.raises(ClientError):
        Account(lambda _service: client).settled([BATCH], pytest.fail)
