"""The head's job definition and what the head may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testbed.resources import only, statement, text
from testbed.synthesized import changed, of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.assertions import Template

    from testbed.synthesized import Templates


#: Nextflow's calls on Batch and IAM, read in its awsbatch executor, and the head's own: ListJobs,
#: with which a later attempt finds what the one before left running.
CALLED = {
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:ListJobs",
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
        if entry["Effect"] == "Allow"
        for action in ([entry["Action"]] if isinstance(entry["Action"], str) else entry["Action"])
    }


#: The head's and Nextflow's calls on S3 and the tasks' log.
DATA = {
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:ListBucket",  # HeadBucket too; without it a missing object is answered with 403
    "s3:PutObject",  # with If-None-Match too
    "s3:PutObjectTagging",
    "logs:GetLogEvents",
}
GIT = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lab/git-aB3dE5"
SEQERA = "arn:aws:secretsmanager:us-west-2:123456789012:secret:seqera-Zz9Yy8"


def test_the_head_may_do_what_nextflow_calls_and_nothing_else(batch: Template) -> None:
    assert _actions(batch, "BatchAccess") == CALLED


def test_the_head_may_read_and_write_the_data_and_nothing_else(
    templates: Callable[[str], Templates],
) -> None:
    data = templates("default")["data"]

    assert _actions(data, "HeadAccess") == DATA


def test_the_head_reads_parameters_and_projects_from_the_reference_buckets(
    templates: Callable[[str], Templates],
) -> None:
    policies = templates("default")["data"].find_resources("AWS::IAM::ManagedPolicy")
    (head,) = [entry for name, entry in policies.items() if "HeadAccess" in name]
    statements = {
        entry["Sid"]: (entry["Action"], entry["Resource"])
        for entry in head["Properties"]["PolicyDocument"]["Statement"]
    }

    buckets = ["arn:aws:s3:::1000genomes", "arn:aws:s3:::ngi-igenomes"]
    assert statements["ListReferenceBuckets"] == ("s3:ListBucket", buckets)
    assert statements["ReadReferences"] == ("s3:GetObject", [f"{name}/*" for name in buckets])


def test_the_head_submits_to_its_own_queues_only(batch: Template) -> None:
    resources = {text(resource) for resource in statement(batch, "SubmitTasks")["Resource"]}

    assert resources == {
        "<Computedefaultdefaultqueue7BA7E305.JobQueueArn>",
        "<ComputedefaulthighpriorityqueueEE46A92C.JobQueueArn>",
        "arn:aws:batch:us-west-2:<AWS::AccountId>:job-definition/nf-default_*",
        "arn:aws:batch:us-west-2:<AWS::AccountId>:job/*",
    }


def test_the_head_hands_only_the_tasks_role_to_tasks(batch: Template) -> None:
    handed = statement(batch, "HandRoleToTasks")

    assert "HeadTaskRole" in text(handed["Resource"])
    assert handed["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_a_running_heads_revision_survives_the_next_deploy(batch: Template) -> None:
    definition = only(batch, "AWS::Batch::JobDefinition")

    assert definition["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}


def _container(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = only(template, "AWS::Batch::JobDefinition")["ContainerProperties"]
    return found


def _variables(template: Template) -> dict[str, str]:
    return {entry["Name"]: text(entry["Value"]) for entry in _container(template)["Environment"]}


def test_a_tasks_later_attempts_go_to_the_on_demand_queue(batch: Template) -> None:
    variables = _variables(batch)

    assert (
        variables["NF_ON_DEMAND_QUEUE"] == "<ComputedefaulthighpriorityqueueEE46A92C.JobQueueArn>"
    )
    assert variables["NF_SPOT_ATTEMPTS"] == "1"


def test_tasks_may_ask_for_the_largest_instance(batch: Template) -> None:
    variables = _variables(batch)

    # r7i.48xlarge: 192 vCPUs and 1,572,864 MiB
    assert (variables["NF_MAX_CPUS"], variables["NF_MAX_MEMORY"]) == ("192", "1454899")


@pytest.fixture(scope="module")
def secretive() -> Template:
    head = {"git_secret": GIT, "seqera_secret": SEQERA, "on_demand_queue": None}
    return of(changed("default", head=head))["batch"]


def test_secrets_are_named_by_the_definition_and_never_their_values(secretive: Template) -> None:
    container = _container(secretive)

    assert container["Secrets"] == [
        {"Name": "NF_SCM", "ValueFrom": GIT},
        {"Name": "TOWER_ACCESS_TOKEN", "ValueFrom": SEQERA},
    ]
    assert not {"NF_SCM", "TOWER_ACCESS_TOKEN"} & set(_variables(secretive))


def test_the_agent_may_read_these_secrets_and_no_others(secretive: Template) -> None:
    (reader,) = [
        (name, entry["Resource"])
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for name, policy in secretive.find_resources(kind).items()
        for entry in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager:" in str(entry["Action"])
    ]

    assert "ContainerExecutionRole" in reader[0]
    assert sorted(reader[1]) == sorted([GIT, SEQERA])


def test_without_an_on_demand_queue_all_attempts_stay(secretive: Template) -> None:
    assert not {"NF_ON_DEMAND_QUEUE", "NF_SPOT_ATTEMPTS"} & set(_variables(secretive))


def test_without_secrets_the_definition_names_none(batch: Template) -> None:
    assert "Secrets" not in _container(batch)


def test_the_head_can_write_to_its_images_volumes_only(batch: Template) -> None:
    assert _container(batch)["ReadonlyRootFilesystem"] is True


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


def test_a_head_can_have_a_time_limit() -> None:
    limited = of(changed("default", head__timeout_minutes=90, operations__email="lab@example.org"))
    definition = only(limited["batch"], "AWS::Batch::JobDefinition")

    assert definition["Timeout"] == {"AttemptDurationSeconds": 5_400}
    subscription = {"Protocol": "email", "Endpoint": "lab@example.org"}
    limited["operations"].has_resource_properties("AWS::SNS::Subscription", subscription)
