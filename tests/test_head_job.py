"""The head's job definition and what the head may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.resources import only, properties, statement, text
from tests.synthesized import changed, of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.assertions import Template

    from tests.synthesized import Templates

#: Nextflow's calls on Batch, IAM and the logs, read in its awsbatch executor.
CALLED = {
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:RegisterJobDefinition",
    "batch:SubmitJob",
    "batch:TagResource",
    "batch:TerminateJob",
    "iam:PassRole",
}


@pytest.fixture(scope="module")
def batch(templates: Callable[[str], Templates]) -> Template:
    return templates("default")["batch"]


def _actions(template: Template, name: str) -> set[str]:
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    (found,) = [entry for key, entry in policies.items() if name in key]
    statements = found["Properties"]["PolicyDocument"]["Statement"]
    return {
        action
        for entry in statements
        for action in ([entry["Action"]] if isinstance(entry["Action"], str) else entry["Action"])
    }


def test_the_head_may_do_what_nextflow_calls_and_nothing_else(batch: Template) -> None:
    assert _actions(batch, "BatchAccess") == CALLED


def test_the_head_submits_to_its_own_queues_only(batch: Template) -> None:
    resources = {text(resource) for resource in statement(batch, "SubmitTasks")["Resource"]}

    assert resources == {
        "<ComputedefaultqueueCD222977.JobQueueArn>",
        "<Computehighpriorityqueue8F791DD0.JobQueueArn>",
        "arn:aws:batch:us-west-2:<AWS::AccountId>:job-definition/nf-*",
        "arn:aws:batch:us-west-2:<AWS::AccountId>:job/*",
    }


def test_the_head_hands_only_the_tasks_role_to_tasks(batch: Template) -> None:
    handed = statement(batch, "HandRoleToTasks")

    assert "HeadTaskRole" in text(handed["Resource"])
    assert handed["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_only_what_a_retry_can_mend_is_retried(batch: Template) -> None:
    rules = only(batch, "AWS::Batch::JobDefinition")["RetryStrategy"]["EvaluateOnExit"]

    assert rules == [
        {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
        {"Action": "RETRY", "OnReason": "CannotPullContainerError:*"},
        {"Action": "RETRY", "OnReason": "DockerTimeout*"},
        {"Action": "EXIT", "OnReason": "*"},
    ]


def test_the_last_retry_rule_matches_everything(batch: Template) -> None:
    """Batch retries when no rule matches."""
    rules = only(batch, "AWS::Batch::JobDefinition")["RetryStrategy"]["EvaluateOnExit"]

    assert rules[-1] == {"Action": "EXIT", "OnReason": "*"}


def test_a_running_heads_revision_survives_the_next_deploy(batch: Template) -> None:
    definition = only(batch, "AWS::Batch::JobDefinition")

    assert definition["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}


def test_tags_reach_what_the_head_runs_on(batch: Template) -> None:
    assert only(batch, "AWS::Batch::JobDefinition")["PropagateTags"] is True


def test_the_head_logs_to_the_environments_group(batch: Template) -> None:
    options = only(batch, "AWS::Batch::JobDefinition")["ContainerProperties"]["LogConfiguration"]

    assert options["LogDriver"] == "awslogs"
    assert "nextflow-default-data:" in text(options["Options"]["awslogs-group"])


@pytest.mark.parametrize(
    ("architecture", "types", "platform"),
    [("x86_64", ["m6i"], "linux/amd64"), ("arm64", ["m7g"], "linux/arm64")],
)
def test_the_image_is_built_for_the_processor_that_runs_it(
    architecture: str, types: list[str], platform: str
) -> None:
    only_one = {"purchase": "on-demand", "instance_types": types, "max_vcpus": 8}
    settings = changed(
        "workshop",
        compute_environments={"ondemand": only_one},
        queues={"default": {"priority": 1, "compute_environments": ["ondemand"]}},
        head__architecture=architecture,
    )

    (manifest,) = of(settings).directory.glob("*-batch.assets.json")

    (image,) = json.loads(manifest.read_text())["dockerImages"].values()
    assert image["source"]["platform"] == platform


def test_people_are_told_when_a_head_fails_or_a_queue_is_blocked() -> None:
    operations = of(changed("default", operations__email="lab@example.org"))["operations"]
    kinds = {
        rule["EventPattern"]["detail-type"][0]
        for rule in properties(operations, "AWS::Events::Rule")
    }

    assert kinds == {"Batch Job Queue Blocked", "Batch Job State Change"}
    operations.has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "lab@example.org"}
    )
