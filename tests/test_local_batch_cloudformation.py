"""AWS::Batch::* in templates: created, changed in place or replaced, and deleted."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from moto.cloudformation.parsing import get_model_map

from local_aws.batch.errors import ClientException
from tests.support.batch import ACCOUNT, REGION, Testbed, process_testbed

NUMBERS = itertools.count(1)
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


class Resource:
    """A resource of a stack, made by the class that moto's CloudFormation finds for its type."""

    def __init__(self, kind: str, **properties: Any) -> None:
        self.type = f"AWS::Batch::{kind}"
        self.model: Any = get_model_map()[self.type]
        self.made = self.model.create_from_cloudformation_json(
            properties.get(self.model.cloudformation_name_type(), f"stack-{kind}-{next(NUMBERS)}"),
            {"Type": self.type, "Properties": properties},
            ACCOUNT,
            REGION,
        )

    @property
    def ref(self) -> str:
        return str(self.made.physical_resource_id)

    def update(self, **properties: Any) -> str:
        name = self.model.cloudformation_name_type()
        self.made = self.model.update_from_cloudformation_json(
            original_resource=self.made,
            new_resource_name=properties.get(name, f"stack-new-{next(NUMBERS)}"),
            cloudformation_json={"Type": self.type, "Properties": properties},
            account_id=ACCOUNT,
            region_name=REGION,
        )
        return self.ref

    def delete(self) -> None:
        self.model.delete_from_cloudformation_json(
            self.ref, {"Type": self.type, "Properties": {}}, ACCOUNT, REGION
        )


def environment(testbed: Testbed, **change: Any) -> dict[str, Any]:
    """The properties that the CDK's L2 construct writes."""
    resources = {
        "AllocationStrategy": "BEST_FIT_PROGRESSIVE",
        "Ec2Configuration": [{"ImageType": "ECS_AL2023"}],
        "InstanceRole": testbed.resources["instanceRole"],
        "InstanceTypes": ["optimal"],
        "MaxvCpus": 16,
        "MinvCpus": 0,
        "SecurityGroupIds": testbed.resources["securityGroupIds"],
        "Subnets": testbed.resources["subnets"],
        "Tags": {"Name": "batch-ondemand-worker"},
        "Type": "EC2",
        "UpdateToLatestImageVersion": True,
    } | change.pop("ComputeResources", {})
    return {
        "ComputeResources": resources,
        "ReplaceComputeEnvironment": False,
        "State": "ENABLED",
        "Type": "managed",
        "UpdatePolicy": {},
    } | change


def described(testbed: Testbed, reference: str) -> dict[str, Any]:
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[reference])
    (shown,) = answer["computeEnvironments"]
    return dict(shown)


def queue_on(*environments: Resource, **change: Any) -> dict[str, Any]:
    order = [
        {"Order": number, "ComputeEnvironment": item.ref}
        for number, item in enumerate(environments, 1)
    ]
    return {"ComputeEnvironmentOrder": order, "Priority": 1, "State": "ENABLED"} | change


def test_an_environment_of_the_cdk_is_created(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html."""
    made = Resource("ComputeEnvironment", **environment(testbed))
    shown = described(testbed, made.ref)

    assert shown["type"] == "MANAGED"
    assert shown["serviceRole"].endswith("/AWSServiceRoleForBatch")
    assert shown["computeResources"]["tags"] == {"Name": "batch-ondemand-worker"}
    assert made.ref == shown["computeEnvironmentArn"]
    assert made.made.get_cfn_attribute("ComputeEnvironmentArn") == made.ref
    assert made.model.has_cfn_attr("ComputeEnvironmentArn")
    assert not made.model.has_cfn_attr("Colour")


def test_an_invalid_environment_fails_the_stack(testbed: Testbed) -> None:
    """https://github.com/aws/aws-cdk/issues/6427."""
    template = testbed.client("ec2").create_launch_template(
        LaunchTemplateName=testbed.unique("template"),
        LaunchTemplateData={"UserData": "IyEvYmluL2Jhc2gK"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    wrong = {"LaunchTemplate": {"LaunchTemplateId": template}}

    with pytest.raises(ClientException) as caught:
        Resource("ComputeEnvironment", **environment(testbed, ComputeResources=wrong))
    assert "ComputeEnvironment went INVALID with error: CLIENT_ERROR - Launch Template" in str(
        caught.value.message
    )


@pytest.mark.parametrize("change", [
    {"ComputeResources": {"MaxvCpus": "32"}},
    {"ComputeResources": {"InstanceTypes": ["c6i"]}},
    {"ComputeResources": {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}}},
    {"State": "DISABLED"},
    {"UpdatePolicy": {"JobExecutionTimeoutMinutes": 7200}},
])  # fmt: skip
def test_an_environment_is_updated_in_place(testbed: Testbed, change: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html."""
    made = Resource("ComputeEnvironment", **environment(testbed))
    before = described(testbed, made.ref)

    assert made.update(**environment(testbed, **change)) == before["computeEnvironmentArn"]
    assert described(testbed, made.ref) != before


@pytest.mark.parametrize("change", [
    {"Tags": {"cost": "mine"}},
    {"ComputeResources": {"SpotIamFleetRole": "role"}},
    {"ReplaceComputeEnvironment": True, "ComputeResources": {"InstanceTypes": ["c6i"]}},
])  # fmt: skip
def test_an_environment_is_replaced_and_the_old_one_goes_with_its_last_queue(
    testbed: Testbed, change: dict[str, Any]
) -> None:
    """The createOnlyProperties and conditionalCreateOnlyProperties of the type's schema.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    made = Resource("ComputeEnvironment", **environment(testbed))
    old = made.ref
    queue = Resource("JobQueue", **queue_on(made))
    new = made.update(**environment(testbed, **change))
    assert new != old
    assert described(testbed, old), "CloudFormation deletes it after it has updated the queue"
    queue.update(**queue_on(made))
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[old])

    assert answer["computeEnvironments"] == []
    assert described(testbed, new)["status"] == "VALID"


def test_scaling_never_replaces(testbed: Testbed) -> None:
    """MaxvCpus is updatable whatever ReplaceComputeEnvironment says.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    properties = environment(testbed, ReplaceComputeEnvironment=True)
    made = Resource("ComputeEnvironment", **properties)
    old = made.ref
    properties["ComputeResources"] = properties["ComputeResources"] | {"MaxvCpus": 64}

    assert made.update(**properties) == old
    assert described(testbed, old)["computeResources"]["maxvCpus"] == 64


def test_a_named_environment_cannot_be_replaced(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html."""
    name = {"ComputeEnvironmentName": testbed.unique("named")}
    made = Resource("ComputeEnvironment", **environment(testbed, **name))

    with pytest.raises(ClientException) as caught:
        made.update(**environment(testbed, **name, Tags={"a": "b"}))
    assert "a custom-named resource requires replacing" in caught.value.message


def test_an_environment_is_disabled_and_deleted_unless_a_queue_uses_it(testbed: Testbed) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/issues/13221."""
    made = Resource("ComputeEnvironment", **environment(testbed))
    queue = Resource("JobQueue", **queue_on(made))
    with pytest.raises(ClientException) as caught:
        made.delete()
    assert caught.value.message == "Cannot delete, found existing JobQueue relationship"
    queue.delete()
    made.delete()
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[made.ref])

    assert answer["computeEnvironments"] == []
    made.delete()


def test_a_queue_is_created_changed_and_replaced(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobqueue.html."""
    first = Resource("ComputeEnvironment", **environment(testbed))
    second = Resource("ComputeEnvironment", **environment(testbed))
    name = testbed.unique("queue")
    limit = {
        "Action": "CANCEL",
        "MaxTimeSeconds": 600,
        "Reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "State": "RUNNABLE",
    }
    properties = queue_on(
        first, second, JobQueueName=name, JobStateTimeLimitActions=[limit], Tags={"a": "1"}
    )
    made = Resource("JobQueue", **properties)
    (shown,) = testbed.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    assert made.ref == shown["jobQueueArn"] == made.made.get_cfn_attribute("JobQueueArn")
    assert shown["jobStateTimeLimitActions"][0]["maxTimeSeconds"] == 600
    assert [entry["computeEnvironment"] for entry in shown["computeEnvironmentOrder"]] == [
        first.ref,
        second.ref,
    ]

    changed = queue_on(second, first, JobQueueName=name, Priority="100", Tags={"a": "2"})
    assert made.update(**changed) == shown["jobQueueArn"]
    (shown,) = testbed.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    assert shown["priority"] == 100
    assert shown["tags"] == {"a": "2"}
    assert shown["jobStateTimeLimitActions"] == []
    assert shown["computeEnvironmentOrder"][0]["computeEnvironment"] == second.ref

    renamed = testbed.unique("queue")
    made.update(**queue_on(first, JobQueueName=renamed))
    answer = testbed.batch.describe_job_queues(jobQueues=[name, renamed])["jobQueues"]
    assert [queue["jobQueueName"] for queue in answer] == [renamed]


def definition(**change: Any) -> dict[str, Any]:
    return {
        "Type": "container",
        "ContainerProperties": {
            "Image": "image",
            "Command": ["true"],
            "Environment": [{"Name": "NF_LOGSDIR", "Value": "s3://bucket/logs"}],
            "LogConfiguration": {
                "LogDriver": "awslogs",
                "Options": {"awslogs-group": "/aws/batch/job"},
            },
            "ReadonlyRootFilesystem": "false",
            "ResourceRequirements": [
                {"Type": "VCPU", "Value": 2},
                {"Type": "MEMORY", "Value": "1024"},
            ],
        },
        "RetryStrategy": {
            "Attempts": 5,
            "EvaluateOnExit": [{"Action": "retry", "OnStatusReason": "Host EC2*"}],
        },
        "Timeout": {"AttemptDurationSeconds": 600},
        "Parameters": {"Some": "Default"},
        "PlatformCapabilities": ["EC2"],
    } | change


def revisions(testbed: Testbed, name: str) -> list[tuple[int, str]]:
    answer = testbed.batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
    return [(item["revision"], item["status"]) for item in answer]


def test_a_job_definition_is_registered_as_the_api_would(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobdefinition.html."""
    name = testbed.unique("named")
    made = Resource("JobDefinition", **definition(JobDefinitionName=name))
    (shown,) = testbed.batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]

    assert made.ref == f"{ARN}:job-definition/{name}:1"
    assert made.made.get_cfn_attribute("JobDefinitionArn") == made.ref
    assert shown["retryStrategy"] == {
        "attempts": 5,
        "evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Host EC2*"}],
    }
    assert shown["parameters"] == {"Some": "Default"}
    properties = shown["containerProperties"]
    assert properties["logConfiguration"]["options"] == {"awslogs-group": "/aws/batch/job"}
    assert properties["environment"] == [{"name": "NF_LOGSDIR", "value": "s3://bucket/logs"}]
    assert properties["resourceRequirements"][0] == {"type": "VCPU", "value": "2"}
    assert properties["readonlyRootFilesystem"] is False


@pytest.mark.parametrize(("retention", "old"), [
    ({}, "INACTIVE"),
    ({"ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True}}, "ACTIVE"),
])  # fmt: skip
def test_a_changed_job_definition_is_a_new_revision(
    testbed: Testbed, retention: dict[str, Any], old: str
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-jobdefinition-resourceretentionpolicy.html."""
    made = Resource("JobDefinition", **definition())
    name = made.made.name
    reference = made.update(**definition(**retention, SchedulingPriority=3))

    assert reference == f"{ARN}:job-definition/{name}:2"
    assert revisions(testbed, name) == [(1, old), (2, "ACTIVE")]
    made.delete()
    assert revisions(testbed, name) == [(1, old), (2, "INACTIVE")]


def test_a_renamed_job_definition_starts_again_at_one(testbed: Testbed) -> None:
    """JobDefinitionName is a createOnlyProperty.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobdefinition.html
    """
    made = Resource("JobDefinition", **definition(JobDefinitionName=testbed.unique("old")))
    name = testbed.unique("new")

    assert made.update(**definition(JobDefinitionName=name)) == f"{ARN}:job-definition/{name}:1"


def test_a_scheduling_policy_is_created_changed_and_deleted(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-schedulingpolicy.html."""
    share = {"ShareIdentifier": "a", "WeightFactor": 0.5}
    made = Resource("SchedulingPolicy", FairsharePolicy={"ShareDistribution": [share]})
    old = made.ref
    assert made.made.get_cfn_attribute("Arn") == old
    assert made.update(FairsharePolicy={"ComputeReservation": 10}, Tags={"a": "1"}) == old
    (shown,) = testbed.batch.describe_scheduling_policies(arns=[old])["schedulingPolicies"]
    assert shown["fairsharePolicy"]["computeReservation"] == 10
    assert shown["tags"] == {"a": "1"}
    assert made.update(Name=testbed.unique("named")) != old
    made.delete()

    assert (
        testbed.batch.describe_scheduling_policies(arns=[old, made.ref])["schedulingPolicies"] == []
    )


def test_generated_names_are_cut_to_length_and_stay_distinct(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html."""
    long = "a" * 130
    model = get_model_map()["AWS::Batch::JobDefinition"]
    made = [
        model.create_from_cloudformation_json(
            f"{long}-{end}", {"Properties": definition()}, ACCOUNT, REGION
        )
        for end in ("ONE", "TWO")
    ]

    assert [len(item.name) for item in made] == [128, 128]
    assert made[0].name.endswith("-ONE")
