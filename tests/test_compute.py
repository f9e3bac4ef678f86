"""Compute environments and queues."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from nextflow_batch import Resources
from nextflow_batch.tags import MOST_BYTES
from stacks import paths, settings_file
from testbed.resources import only, properties, statement, text
from testbed.synthesized import changed, of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.assertions import Template

    from testbed.synthesized import Templates


@pytest.fixture(scope="module")
def batch(templates: Callable[[str], Templates]) -> Template:
    return templates("default")["batch"]


def test_no_compute_environment_has_a_name_that_a_replacement_would_collide_with(
    batch: Template,
) -> None:
    environments = properties(batch, "AWS::Batch::ComputeEnvironment")

    assert [entry for entry in environments if "ComputeEnvironmentName" in entry] == []
    assert len(environments) == 3


def test_workers_are_updated_in_place_and_running_tasks_end_in_peace(batch: Template) -> None:
    for entry in properties(batch, "AWS::Batch::ComputeEnvironment"):
        assert entry["ReplaceComputeEnvironment"] is False
        assert "ServiceRole" not in entry
        assert entry["UpdatePolicy"] == {
            "JobExecutionTimeoutMinutes": 60,
            "TerminateJobsOnUpdate": False,
        }


def test_strategies_are_those_that_batch_recommends(batch: Template) -> None:
    strategies = {
        entry["ComputeResources"]["Type"]: entry["ComputeResources"]["AllocationStrategy"]
        for entry in properties(batch, "AWS::Batch::ComputeEnvironment")
    }

    assert strategies == {"EC2": "BEST_FIT_PROGRESSIVE", "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED"}


def test_a_changed_tag_does_not_replace_compute_environments() -> None:
    batch = of(changed("default", tags={"commit": "abc"}))["batch"]

    assert "abc" not in str(batch.find_resources("AWS::Batch::ComputeEnvironment"))
    assert "abc" in str(batch.find_resources("AWS::Batch::JobQueue"))


def test_nothing_may_connect_to_a_worker(batch: Template) -> None:
    group = only(batch, "AWS::EC2::SecurityGroup")

    assert "SecurityGroupIngress" not in group
    batch.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)


def test_a_job_that_can_never_run_does_not_block_its_queue(batch: Template) -> None:
    for queue in properties(batch, "AWS::Batch::JobQueue"):
        actions = queue["JobStateTimeLimitActions"]
        assert {action["Reason"] for action in actions} == {
            "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
            "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        }
        assert {(action["Action"], action["MaxTimeSeconds"]) for action in actions} == {
            ("CANCEL", 600)
        }


def test_no_task_can_run_where_heads_do(batch: Template) -> None:
    """Neither by a queue that shares their environment nor by a job that a head submits."""
    queues = {
        entry["JobQueueName"]: {
            text(order["ComputeEnvironment"]) for order in entry["ComputeEnvironmentOrder"]
        }
        for entry in properties(batch, "AWS::Batch::JobQueue")
    }
    heads = queues.pop("default-heads")
    submits = {text(resource) for resource in statement(batch, "SubmitTasks")["Resource"]}

    assert len(heads) == 1
    assert all(not heads & others for others in queues.values())
    assert [arn for arn in submits if "heads" in arn] == []
    assert len([arn for arn in submits if "JobQueueArn" in arn]) == len(queues)


def test_heads_have_on_demand_instances_with_room_for_one() -> None:
    settings = settings_file.read(paths.SETTINGS, "default")
    (name,) = settings.queues[str(settings.head.queue)].compute_environments
    capacity = settings.compute_environments[name]
    head = Resources(settings.head.vcpus, settings.head.memory_mib)

    assert capacity.purchase == "on-demand"
    assert [
        kind
        for kind in capacity.instance_types
        if not capacity.model_copy(update={"instance_types": (kind,)}).runs(head)
    ] == []


def test_workers_join_the_clusters_of_their_own_environments_only(batch: Template) -> None:
    """Batch's clusters are named after the environment.

    https://github.com/aws/aws-parallelcluster/blob/develop/cli/src/pcluster/templates/awsbatch_builder.py
    """
    joins = statement(batch, "JoinOwnClusters")
    environments = batch.find_resources("AWS::Batch::ComputeEnvironment")
    named = {
        f"arn:aws:ecs:us-west-2:<AWS::AccountId>:*/AWSBatch-"
        f"{{'Fn::Select': [1, {{'Fn::Split': ['/', {{'Fn::GetAtt': ['{name}',"
        f" 'ComputeEnvironmentArn']}}]}}]}}-*"
        for name in environments
    }

    assert {text(resource) for resource in joins["Resource"]} == named
    assert all(action.startswith("ecs:") for action in joins["Action"])


def test_no_job_comes_to_an_environment_that_workers_may_not_join(batch: Template) -> None:
    (access,) = [
        name
        for name, entry in batch.find_resources("AWS::IAM::ManagedPolicy").items()
        if "JoinOwnClusters" in str(entry)
    ]

    for queue in batch.find_resources("AWS::Batch::JobQueue").values():
        assert queue["DependsOn"] == [access]


def test_as_many_environments_as_are_allowed_fit_into_policies() -> None:
    """A policy has at most 6,144 characters without white space."""
    names = [f"{'e' * 28}-{number:02}" for number in range(50)]
    settings = changed(
        "workshop",
        compute_environments={name: {"purchase": "spot"} for name in names},
        queues={
            "default": {"priority": 1, "compute_environments": names[:3]},
            **{
                f"q{first}": {"priority": 1, "compute_environments": names[first : first + 3]}
                for first in range(3, 50, 3)
            },
        },
        head__task_queue="default",
    )

    policies = [
        entry["PolicyDocument"]
        for entry in properties(of(settings)["batch"], "AWS::IAM::ManagedPolicy")
        if "JoinOwnClusters" in str(entry)
    ]

    assert len(policies) == 2
    for policy in policies:
        document = json.dumps(policy, separators=(",", ":"))
        joined = re.sub(r'\{"Fn::Join":\["",\[(.+?)\]\]\}', r"\1", document)
        # The account, and an environment's name with what CloudFormation adds.
        filled = re.sub(r'\{"Ref":.+?\}', "1" * 12, joined)
        filled = re.sub(r'\{"Fn::Select":.+?\}\]\}\]\}', "e" * 80, filled)
        assert "Fn::" not in filled
        assert len(filled) < 6_144


def test_an_ami_of_ones_own_is_started_where_it_is_named_and_only_there() -> None:
    ami = "ami-0123456789abcdef0"
    batch = of(changed("default", compute_environments__spot__image_id=ami))["batch"]

    found = {
        entry["ComputeResources"]["Type"]: entry["ComputeResources"]["Ec2Configuration"]
        for entry in properties(batch, "AWS::Batch::ComputeEnvironment")
    }
    assert found == {
        "SPOT": [{"ImageType": "ECS_AL2023", "ImageIdOverride": ami}],
        "EC2": [{"ImageType": "ECS_AL2023"}],
    }


def test_a_queue_may_have_environments_of_its_own() -> None:
    arm = {"purchase": "spot", "instance_types": ["m7g"], "max_vcpus": 64}
    settings = changed(
        "workshop",
        compute_environments__arm=arm,
        queues__arm={"priority": 5, "compute_environments": ["arm"]},
    )

    batch = of(settings)["batch"]

    (queue,) = [
        entry
        for entry in properties(batch, "AWS::Batch::JobQueue")
        if entry["JobQueueName"] == "arm"
    ]
    assert [text(entry["ComputeEnvironment"]) for entry in queue["ComputeEnvironmentOrder"]] == [
        "<Computearmenvironmentownrole58757D21.ComputeEnvironmentArn>"
    ]


def test_as_many_tags_as_are_allowed_leave_room_in_the_user_data() -> None:
    """EC2 takes 16 KiB; the settings know how much of it tags may have."""
    tags = {f"{'k' * 26}-{number:03}": "é" * 12 + "x" * 5 for number in range(40)}

    batch = of(changed("default", tags=tags))["batch"]

    data = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
    assert len(json.dumps(tags)) > MOST_BYTES * 0.97
    assert len(text(data)) < 16_384 - 512  # what references become is longer than their names
