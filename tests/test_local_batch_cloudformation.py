"""AWS::Batch::* in templates: created, changed in place or replaced, and deleted."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.batch import ACCOUNT, REGION, Testbed, process_testbed
from tests.support.local_aws import Stack, resource

ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"
Properties = dict[str, Any]


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


@pytest.fixture
def stack(testbed: Testbed) -> Iterator[Stack]:
    made = Stack.new(testbed.server)
    yield made
    made.name = made.describe()["StackId"]
    made.delete()
    assert made.status == "DELETE_COMPLETE"


def environment(testbed: Testbed, **change: Any) -> Properties:
    """The compute environment that the CDK's L2 construct writes."""
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
    properties = {
        "ComputeResources": resources,
        "ReplaceComputeEnvironment": False,
        "State": "ENABLED",
        "Type": "managed",
        "UpdatePolicy": {},
    }
    return resource("Batch::ComputeEnvironment", properties | change)


def queue(*environments: str, **change: Any) -> Properties:
    order = [
        {"Order": number, "ComputeEnvironment": {"Ref": name}}
        for number, name in enumerate(environments, 1)
    ]
    properties = {"ComputeEnvironmentOrder": order, "Priority": 1, "State": "ENABLED"}
    return resource("Batch::JobQueue", properties | change)


def definition(**change: Any) -> Properties:
    properties = {
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
    }
    return resource("Batch::JobDefinition", properties | change)


def described(testbed: Testbed, reference: str) -> Properties:
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[reference])
    (shown,) = answer["computeEnvironments"]
    return dict(shown)


def reasons(stack: Stack) -> str:
    return " ".join(reason for _, _, reason in stack.events())


def test_an_environment_of_the_cdk_is_created(testbed: Testbed, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html."""
    output = {"Arn": {"Value": {"Fn::GetAtt": ["E", "ComputeEnvironmentArn"]}}}
    assert stack.create({"E": environment(testbed)}, Outputs=output) == "CREATE_COMPLETE"
    shown = described(testbed, stack.ids()["E"])

    assert shown["type"] == "MANAGED"
    assert shown["serviceRole"].endswith("/AWSServiceRoleForBatch")
    assert shown["computeResources"]["tags"] == {"Name": "batch-ondemand-worker"}
    assert stack.outputs["Arn"] == shown["computeEnvironmentArn"] == stack.ids()["E"]


def test_an_invalid_environment_fails_the_stack(testbed: Testbed, stack: Stack) -> None:
    """https://github.com/aws/aws-cdk/issues/6427."""
    template = testbed.client("ec2").create_launch_template(
        LaunchTemplateName=testbed.unique("template"),
        LaunchTemplateData={"UserData": "IyEvYmluL2Jhc2gK"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    wrong = {"LaunchTemplate": {"LaunchTemplateId": template}}
    before = testbed.batch.describe_compute_environments()["computeEnvironments"]

    status = stack.create({"E": environment(testbed, ComputeResources=wrong)})

    assert status == "ROLLBACK_COMPLETE"
    assert "ComputeEnvironment went INVALID with error: CLIENT_ERROR - Launch" in reasons(stack)
    assert testbed.batch.describe_compute_environments()["computeEnvironments"] == before


@pytest.mark.parametrize("change", [
    {"ComputeResources": {"MaxvCpus": "32"}},
    {"ComputeResources": {"InstanceTypes": ["c6i"]}},
    {"State": "DISABLED"},
    {"UpdatePolicy": {"JobExecutionTimeoutMinutes": 7200}},
])  # fmt: skip
def test_an_environment_is_updated_in_place(
    testbed: Testbed, stack: Stack, change: Properties
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html."""
    stack.create({"E": environment(testbed)})
    arn = stack.ids()["E"]
    before = described(testbed, arn)

    assert stack.update({"E": environment(testbed, **change)}) == "UPDATE_COMPLETE"
    assert stack.ids()["E"] == arn
    assert described(testbed, arn) != before


def test_an_update_to_an_invalid_environment_is_rolled_back(testbed: Testbed, stack: Stack) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html."""
    template = testbed.client("ec2").create_launch_template(
        LaunchTemplateName=testbed.unique("template"), LaunchTemplateData={}
    )["LaunchTemplate"]["LaunchTemplateId"]

    def at(version: str) -> Properties:
        resources = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": version}}
        return {"E": environment(testbed, ComputeResources=resources)}

    stack.create(at("1"))
    status = stack.update(at("2"))

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "ComputeEnvironment went INVALID" in reasons(stack)
    assert described(testbed, stack.ids()["E"])["status"] == "VALID"


@pytest.mark.parametrize("change", [
    {"Tags": {"cost": "mine"}},
    {"ComputeResources": {"SpotIamFleetRole": "role"}},
    {"ReplaceComputeEnvironment": True, "ComputeResources": {"InstanceTypes": ["c6i"]}},
])  # fmt: skip
def test_an_environment_is_replaced_and_the_old_one_goes_after_its_queue_has_moved(
    testbed: Testbed, stack: Stack, change: Properties
) -> None:
    """The createOnlyProperties and conditionalCreateOnlyProperties of the type's schema.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    stack.create({"E": environment(testbed), "Q": queue("E")})
    old = stack.ids()
    assert stack.update({"E": environment(testbed, **change), "Q": queue("E")}) == "UPDATE_COMPLETE"
    new = stack.ids()
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[old["E"]])

    assert new["E"] != old["E"]
    assert new["Q"] == old["Q"]
    assert answer["computeEnvironments"] == []
    assert described(testbed, new["E"])["status"] == "VALID"


def test_scaling_never_replaces(testbed: Testbed, stack: Stack) -> None:
    """MaxvCpus is updatable whatever ReplaceComputeEnvironment says.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    replace = {"ReplaceComputeEnvironment": True}
    stack.create({"E": environment(testbed, **replace)})
    arn = stack.ids()["E"]
    wider = {"MaxvCpus": 64}
    stack.update({"E": environment(testbed, **replace, ComputeResources=wider)})

    assert stack.ids()["E"] == arn
    assert described(testbed, arn)["computeResources"]["maxvCpus"] == 64


def test_a_named_environment_cannot_be_replaced(testbed: Testbed, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html."""
    name = {"ComputeEnvironmentName": testbed.unique("named")}
    stack.create({"E": environment(testbed, **name)})
    status = stack.update({"E": environment(testbed, **name, Tags={"a": "b"})})

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "a custom-named resource requires replacing" in reasons(stack)


def test_an_environment_that_a_queue_uses_cannot_be_deleted(testbed: Testbed) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/issues/13221."""
    stack = Stack.new(testbed.server)
    stack.create({"E": environment(testbed)})
    used = testbed.queue(stack.ids()["E"])
    stack.delete()
    assert stack.status == "DELETE_FAILED"
    assert "Cannot delete, found existing JobQueue relationship" in reasons(stack)
    testbed.batch.update_job_queue(jobQueue=used, state="DISABLED")
    testbed.batch.delete_job_queue(jobQueue=used)
    stack.name = stack.describe()["StackId"]
    stack.delete()

    assert stack.status == "DELETE_COMPLETE"


def test_a_queue_is_created_changed_and_replaced(testbed: Testbed, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobqueue.html."""
    both = {"A": environment(testbed), "B": environment(testbed)}
    name, renamed = testbed.unique("queue"), testbed.unique("queue")
    limit = {
        "Action": "CANCEL",
        "MaxTimeSeconds": 600,
        "Reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "State": "RUNNABLE",
    }
    first = queue("A", "B", JobQueueName=name, JobStateTimeLimitActions=[limit], Tags={"a": "1"})
    output = {"Arn": {"Value": {"Fn::GetAtt": ["Q", "JobQueueArn"]}}}
    stack.create({**both, "Q": first}, Outputs=output)
    ids = stack.ids()
    (shown,) = testbed.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    assert ids["Q"] == stack.outputs["Arn"] == shown["jobQueueArn"]
    assert shown["jobStateTimeLimitActions"][0]["maxTimeSeconds"] == 600
    order = [entry["computeEnvironment"] for entry in shown["computeEnvironmentOrder"]]
    assert order == [ids["A"], ids["B"]]

    changed = queue("B", "A", JobQueueName=name, Priority="100", Tags={"b": "2"})
    stack.update({**both, "Q": changed})
    (shown,) = testbed.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    assert stack.ids() == ids
    assert shown["priority"] == 100
    assert shown["tags"] == {"b": "2"}
    assert shown["jobStateTimeLimitActions"] == []
    assert shown["computeEnvironmentOrder"][0]["computeEnvironment"] == ids["B"]

    stack.update({**both, "Q": queue("A", JobQueueName=renamed)})
    answer = testbed.batch.describe_job_queues(jobQueues=[name, renamed])["jobQueues"]
    assert [item["jobQueueName"] for item in answer] == [renamed]


def test_a_job_definition_is_registered_as_the_api_would(testbed: Testbed, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobdefinition.html."""
    name = testbed.unique("named")
    output = {"Arn": {"Value": {"Fn::GetAtt": ["D", "JobDefinitionArn"]}}}
    stack.create({"D": definition(JobDefinitionName=name)}, Outputs=output)
    (shown,) = testbed.batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]

    assert stack.ids()["D"] == stack.outputs["Arn"] == f"{ARN}:job-definition/{name}:1"
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
    testbed: Testbed, stack: Stack, retention: Properties, old: str
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-jobdefinition-resourceretentionpolicy.html."""

    def revisions() -> list[tuple[int, str]]:
        answer = testbed.batch.describe_job_definitions(jobDefinitionName=name)
        return [(item["revision"], item["status"]) for item in answer["jobDefinitions"]]

    stack.create({"D": definition()})
    name = stack.ids()["D"].rpartition("/")[2].removesuffix(":1")
    stack.update({"D": definition(**retention, SchedulingPriority=3)})

    assert stack.ids()["D"] == f"{ARN}:job-definition/{name}:2"
    assert revisions() == [(1, old), (2, "ACTIVE")]
    stack.name = stack.describe()["StackId"]
    stack.delete()
    assert revisions() == [(1, old), (2, "INACTIVE")]


def test_a_renamed_job_definition_starts_again_at_one(testbed: Testbed, stack: Stack) -> None:
    """JobDefinitionName is a createOnlyProperty.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-jobdefinition.html
    """
    stack.create({"D": definition(JobDefinitionName=testbed.unique("old"))})
    name = testbed.unique("new")
    stack.update({"D": definition(JobDefinitionName=name)})

    assert stack.ids()["D"] == f"{ARN}:job-definition/{name}:1"


def test_a_scheduling_policy_is_created_changed_and_replaced(
    testbed: Testbed, stack: Stack
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-schedulingpolicy.html."""

    def policy(**properties: Any) -> Properties:
        return {"P": resource("Batch::SchedulingPolicy", properties)}

    share = {"ShareIdentifier": "a", "WeightFactor": "0.5"}
    output = {"Arn": {"Value": {"Fn::GetAtt": ["P", "Arn"]}}}
    stack.create(policy(FairsharePolicy={"ShareDistribution": [share]}), Outputs=output)
    old = stack.ids()["P"]
    assert stack.outputs["Arn"] == old
    stack.update(policy(FairsharePolicy={"ComputeReservation": 10}, Tags={"a": "1"}))
    (shown,) = testbed.batch.describe_scheduling_policies(arns=[old])["schedulingPolicies"]
    assert shown["fairsharePolicy"]["computeReservation"] == 10
    assert shown["tags"] == {"a": "1"}
    stack.update(policy(Name=testbed.unique("named")))

    assert stack.ids()["P"] != old
    assert testbed.batch.describe_scheduling_policies(arns=[old])["schedulingPolicies"] == []


def test_generated_names_are_cut_to_length_and_stay_distinct(
    testbed: Testbed, stack: Stack
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html."""
    stack.create({f"{'A' * 130}{end}": definition() for end in "XY"})
    names = {arn.rpartition("/")[2].partition(":")[0] for arn in stack.ids().values()}

    assert [len(name) for name in names] == [128, 128]
