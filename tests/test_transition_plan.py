"""The order of a deploy, what it refuses, and what it says about jobs."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.deploy import sentences
from stacks.transition.effects import Effect
from stacks.transition.plan import make
from stacks.transition.template import StackTemplate

BUCKET = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
KEY = {"Type": "AWS::KMS::Key", "Properties": {}, "DeletionPolicy": "Retain"}


def data(*names: str, **resources: Any) -> StackTemplate:
    """A stack that exports a reference to each of its resources, or to the named ones."""
    outputs = {
        name: {"Value": {"Ref": name}, "Export": {"Name": name}} for name in names or resources
    }
    ids = {name: name.lower() for name in resources}
    return StackTemplate("lab-data", {"Resources": resources, "Outputs": outputs}, ids)


def user(*imports: str, name: str = "lab-batch", **resources: Any) -> StackTemplate:
    """A stack that uses exports."""
    used = [{"Fn::ImportValue": export} for export in imports]
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": used}}
    ids = {key: f"arn:{key}" for key in resources}
    return StackTemplate(name, {"Resources": {"Policy": policy, **resources}}, ids)


def bucket(name: str | None = None) -> dict[str, Any]:
    return {**BUCKET, "Properties": {"BucketName": name} if name else {}}


def environment(template: str = "Template", **change: Any) -> dict[str, Any]:
    resources = {
        "LaunchTemplate": {"Version": {"Fn::GetAtt": [template, "LatestVersionNumber"]}},
        "MaxvCpus": 16,
        "Subnets": ["subnet-1"],
        "Tags": {"Name": "batch-spot-worker"},
    }
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "ComputeResources": resources | change,
            "ReplaceComputeEnvironment": False,
            "UpdatePolicy": {"JobExecutionTimeoutMinutes": 40},
        },
    }


def launch_template(data: str) -> dict[str, Any]:
    properties = {"LaunchTemplateData": {"UserData": data}}
    return {"Type": "AWS::EC2::LaunchTemplate", "Properties": properties}


def planned(new: list[StackTemplate], old: list[StackTemplate]) -> list[str]:
    plan = make(new, {stack.name: stack for stack in old})
    return plan.refusals or [f"{step.action} {step.stack}" for step in plan.steps]


def test_what_is_used_is_deployed_first() -> None:
    new = [data(Bucket=bucket()), user("Bucket")]

    assert planned(new, []) == ["deploy lab-data", "deploy lab-batch"]
    assert planned(new, new) == ["deploy lab-data", "deploy lab-batch"]


def test_what_is_used_no_more_goes_last() -> None:
    new = [data(Bucket=bucket()), user("Bucket")]
    old = [data(Bucket=bucket(), Key=KEY), user("Bucket", "Key")]

    assert planned(new, old) == ["deploy lab-batch", "deploy lab-data"]
    assert planned(old, new) == ["deploy lab-data", "deploy lab-batch"]


def test_a_stack_that_is_declared_no_more_is_destroyed() -> None:
    new = [data(Bucket=bucket()), user("Bucket")]
    operations = user(name="lab-operations")

    assert planned(new, [*new, operations])[-1] == "destroy lab-operations"


def test_a_stack_that_others_use_is_destroyed_after_they_have_changed() -> None:
    network = StackTemplate("lab-network", data(Vpc={"Type": "AWS::EC2::VPC"}).document)
    new = [data(Bucket=bucket()), user("Bucket")]
    old = [new[0], user("Bucket", "Vpc"), network]

    assert planned(new, old) == ["deploy lab-data", "deploy lab-batch", "destroy lab-network"]


def test_a_bucket_in_use_is_not_replaced_and_the_way_is_named() -> None:
    (refusal,) = planned(
        [data(Bucket=bucket("new")), user("Bucket")], [data(Bucket=bucket()), user("Bucket")]
    )

    assert refusal.startswith("storage.bucket: ")
    assert "deploy first with storage.existing_bucket: bucket;" in refusal


@pytest.mark.parametrize(
    ("key", "properties"),
    [
        ("roles.path", {"Path": "/lab/"}),
        ("roles.name_prefix", {"Path": "/", "ManagedPolicyName": "lab-head"}),
    ],
)
def test_a_policy_in_use_is_not_replaced_and_the_way_is_named(
    key: str, properties: dict[str, Any]
) -> None:
    def policy(properties: dict[str, Any]) -> dict[str, Any]:
        return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}

    new = [data(Head=policy(properties)), user("Head")]
    (refusal,) = planned(new, [data(Head=policy({"Path": "/"})), user("Head")])

    assert refusal.startswith(f"{key}: ")
    assert "first destroy lab-batch" in refusal


@pytest.mark.parametrize("shared_before", [True, False])
def test_a_queue_that_gets_or_loses_shares_is_refused(shared_before: bool) -> None:
    def queue(shared: bool) -> StackTemplate:
        policy = {"SchedulingPolicyArn": "arn"} if shared else {}
        properties = {"JobQueueName": "default", **policy}
        return user(Queue={"Type": "AWS::Batch::JobQueue", "Properties": properties})

    (refusal,) = planned([queue(not shared_before)], [queue(shared_before)])

    assert refusal.startswith("shares: a queue cannot get or lose them, as default would: first")
    assert planned([queue(shared_before)], [queue(shared_before)]) == ["deploy lab-batch"]


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_no_data_is_deleted(policy: str) -> None:
    old = data("Key", Bucket={**bucket(), "DeletionPolicy": policy}, Key=KEY)
    plan = make([data(Key=KEY)], {"lab-data": old})

    assert [refusal.partition(":")[0] for refusal in plan.refusals] == (
        ["lab-data"] if policy == "Delete" else []
    )


@pytest.mark.parametrize(("change", "actions"), [
    ({"Spot": environment()}, []),
    ({"Spot": environment(MaxvCpus=32)}, []),
    ({"Spot": environment(Subnets=["subnet-2"])}, ["waits"]),
    ({"Spot": environment(), "Template": launch_template("b")}, ["waits"]),
    ({"Cheap": environment()}, ["ends"]),
])  # fmt: skip
def test_what_happens_to_workers_is_known_before(
    change: dict[str, Any], actions: list[str]
) -> None:
    old = user(Spot=environment(), Template=launch_template("a"))
    new = user(**{"Template": launch_template("a"), **change})
    plan = make([new], {"lab-batch": old})

    assert [effect.action for effect in plan.effects] == actions
    assert {effect.physical_id for effect in plan.effects} <= {"arn:Spot"}


def test_an_environment_that_is_to_be_replaced_ends_its_jobs() -> None:
    def own(template: str) -> StackTemplate:
        made = environment()
        del made["Properties"]["ReplaceComputeEnvironment"]
        made["Properties"]["ComputeResources"]["InstanceTypes"] = [template]
        return user(Spot=made)

    plan = make([own("c6i")], {"lab-batch": own("m6i")})

    assert [effect.action for effect in plan.effects] == ["ends"]


def test_jobs_that_run_are_named_with_what_happens_to_them() -> None:
    effects = [
        Effect("compute environment", "spot", "arn:spot", "waits", 40),
        Effect("queue", "default", "arn:default", "ends"),
        Effect("compute environment", "idle", "arn:idle", "ends"),
    ]

    assert sentences(effects, {"arn:spot": 3, "arn:default": 1}) == [
        "3 jobs run on compute environment spot: this update waits for them, up to 40 minutes, then"
        " Batch terminates them",
        "1 job runs on queue default, which is removed or replaced; running jobs are terminated",
    ]
