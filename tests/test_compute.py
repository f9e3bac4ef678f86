"""Compute environments and queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nextflow_batch.tags import MOST_BYTES
from testbed.resources import only, properties, text
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
    assert len(environments) == 2


def test_workers_are_updated_in_place_and_running_tasks_end_in_peace(batch: Template) -> None:
    for entry in properties(batch, "AWS::Batch::ComputeEnvironment"):
        assert entry["ReplaceComputeEnvironment"] is False
        assert "ServiceRole" not in entry
        assert entry["UpdatePolicy"] == {
            "JobExecutionTimeoutMinutes": 7200,
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
    tags = {f"{'k' * 26}-{number:03}": "é" * 19 for number in range(40)}

    batch = of(changed("default", tags=tags))["batch"]

    data = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
    assert len(json.dumps(tags)) > MOST_BYTES * 0.97
    assert len(text(data)) < 16_384 - 512  # what references become is longer than their names
