"""The workshop's table, row by row, in the templates of settings/workshop.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testbed.resources import only, properties, statement, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.assertions import Template

    from testbed.synthesized import Templates


@pytest.fixture(scope="module")
def batch(templates: Callable[[str], Templates]) -> Template:
    return templates("workshop")["batch"]


@pytest.fixture(scope="module")
def data(templates: Callable[[str], Templates]) -> Template:
    return templates("workshop")["data"]


def _environments(batch: Template) -> dict[str, dict[str, Any]]:
    found = properties(batch, "AWS::Batch::ComputeEnvironment")
    return {entry["ComputeResources"]["Tags"]["Name"]: entry for entry in found}


def _names_of_environments(batch: Template) -> dict[str, str]:
    found = batch.find_resources("AWS::Batch::ComputeEnvironment")
    return {
        f"<{name}.ComputeEnvironmentArn>": entry["Properties"]["ComputeResources"]["Tags"]["Name"]
        for name, entry in found.items()
    }


def _order(batch: Template, queue: str) -> list[str]:
    (found,) = [
        entry
        for entry in properties(batch, "AWS::Batch::JobQueue")
        if entry["JobQueueName"] == queue
    ]
    names = _names_of_environments(batch)
    ordered = sorted(found["ComputeEnvironmentOrder"], key=lambda entry: int(entry["Order"]))
    return [names[text(entry["ComputeEnvironment"])] for entry in ordered]


def test_makes_a_bucket_that_survives(data: Template) -> None:
    buckets = data.find_resources("AWS::S3::Bucket")

    assert {entry["DeletionPolicy"] for entry in buckets.values()} <= {
        "Retain",
        "RetainExceptOnCreate",
    }


def test_pushes_the_head_image_as_an_asset(batch: Template) -> None:
    image = only(batch, "AWS::Batch::JobDefinition")["ContainerProperties"]["Image"]

    assert "container-assets" in text(image)


def test_has_a_policy_for_the_bucket(data: Template) -> None:
    policies = data.find_resources("AWS::IAM::ManagedPolicy")
    head = next(entry for name, entry in policies.items() if "HeadAccess" in name)
    actions = {
        entry["Sid"]: entry["Action"] for entry in head["Properties"]["PolicyDocument"]["Statement"]
    }

    assert actions["ReadObjects"] == "s3:GetObject"
    assert "s3:PutObject" in actions["WriteObjects"]


def test_has_a_policy_for_the_scratch_disk(batch: Template) -> None:
    assert statement(batch, "UseOwnVolumes")["Action"] == [
        "ec2:AttachVolume",
        "ec2:DeleteVolume",
        "ec2:DetachVolume",
        "ec2:ModifyInstanceAttribute",
        "ec2:ModifyVolume",
    ]


def test_has_a_policy_for_nextflows_batch_access(batch: Template) -> None:
    assert statement(batch, "SubmitTasks")["Action"] == "batch:SubmitJob"
    assert statement(batch, "RegisterTaskDefinitions")["Action"] == "batch:RegisterJobDefinition"


def test_has_roles_for_batch_instances_and_jobs(batch: Template) -> None:
    trusted = {
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        for role in properties(batch, "AWS::IAM::Role")
    }

    assert trusted - {"vpc-flow-logs.amazonaws.com"} == {
        "batch.amazonaws.com",
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
    }
    assert len(properties(batch, "AWS::IAM::InstanceProfile")) == 2


def test_reads_the_1000_genomes(data: Template) -> None:
    policies = properties(data, "AWS::IAM::ManagedPolicy")
    reads = [
        entry["Resource"]
        for policy in policies
        for entry in policy["PolicyDocument"]["Statement"]
        if entry.get("Sid") == "ReadReferences"
    ]

    assert reads == ["arn:aws:s3:::1000genomes/*"] * 2


def test_starts_instances_with_scratch_user_data_in_mime_multipart(batch: Template) -> None:
    template = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    user_data = text(template["UserData"])

    assert user_data.startswith("Content-Type: multipart/mixed; boundary=")
    assert "/dev/xvdba" in user_data
    assert {device["DeviceName"] for device in template["BlockDeviceMappings"]} == {
        "/dev/xvda",
        "/dev/xvdba",
    }


@pytest.mark.parametrize(
    ("name", "kind", "bid"),
    [("batch-ondemand-worker", "EC2", None), ("batch-spot-worker", "SPOT", 100)],
)
def test_has_a_managed_compute_environment(
    batch: Template, name: str, kind: str, bid: int | None
) -> None:
    environment = _environments(batch)[name]
    resources = environment["ComputeResources"]

    assert environment["Type"] == "managed"
    assert resources["Type"] == kind
    assert resources["InstanceTypes"] == ["optimal"]
    assert resources["MinvCpus"] == 0
    assert "DesiredvCpus" not in resources  # Batch begins at the minimum (docs/workshop.md)
    assert resources.get("BidPercentage") == bid
    assert resources["Ec2Configuration"] == [{"ImageType": "ECS_AL2023"}]


@pytest.mark.parametrize(
    ("queue", "priority", "order"),
    [
        ("default", 1, ["batch-spot-worker", "batch-ondemand-worker"]),
        ("highpriority", 100, ["batch-ondemand-worker", "batch-spot-worker"]),
    ],
)
def test_has_a_queue(batch: Template, queue: str, priority: int, order: list[str]) -> None:
    (found,) = [
        entry
        for entry in properties(batch, "AWS::Batch::JobQueue")
        if entry["JobQueueName"] == queue
    ]

    assert found["Priority"] == priority
    assert _order(batch, queue) == order


def test_has_the_job_definition_nextflow(batch: Template) -> None:
    definition = only(batch, "AWS::Batch::JobDefinition")
    container = definition["ContainerProperties"]
    wants = {entry["Type"]: entry["Value"] for entry in container["ResourceRequirements"]}
    environment = {entry["Name"]: text(entry["Value"]) for entry in container["Environment"]}
    bucket = "s3://<nextflow-workshop-data:ExportsOutputRefStorageBucket5CB7C8EA62094B99>"

    assert definition["JobDefinitionName"] == "nextflow"
    assert definition["RetryStrategy"]["Attempts"] == 5
    assert wants == {"VCPU": "2", "MEMORY": "1024"}
    assert "HeadRole" in text(container["JobRoleArn"])
    assert environment["NF_LOGSDIR"] == f"{bucket}/_nextflow/logs"
    assert environment["NF_WORKDIR"] == f"{bucket}/_nextflow/runs"
    assert environment["NF_JOB_QUEUE"] == "<ComputedefaultqueueCD222977.JobQueueArn>"


def test_tells_the_head_what_the_workshop_does_not(batch: Template) -> None:
    container = only(batch, "AWS::Batch::JobDefinition")["ContainerProperties"]
    workshop = {"NF_LOGSDIR", "NF_WORKDIR", "NF_JOB_QUEUE"}

    assert {entry["Name"] for entry in container["Environment"]} - workshop == {
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "NF_AWS_CLI",
        "NF_DEPLOYMENT",
        "NF_JOB_ROLE",
        "NF_LOG_GROUP",
        "NF_MAX_CPUS",
        "NF_MAX_MEMORY",
    }  # docs/workshop.md
    assert "Secrets" not in container


def test_has_a_vpc_of_its_own(templates: Callable[[str], Templates]) -> None:
    network = templates("workshop")["batch"]

    network.resource_count_is("AWS::EC2::VPC", 1)
    network.resource_count_is("AWS::EC2::NatGateway", 0)


def test_is_in_oregon(templates: Callable[[str], Templates]) -> None:
    container = only(templates("workshop")["batch"], "AWS::Batch::JobDefinition")
    environment = container["ContainerProperties"]["Environment"]

    assert {"Name": "AWS_REGION", "Value": "us-west-2"} in environment
