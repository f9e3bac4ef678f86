"""Attacks of a head on the jobs and definitions of others, against the synthesized policies."""

from __future__ import annotations

import pytest

from testbed.synthesized import changed, of, synthesize
from tests.support.permissions import Keys, Permissions

ARN = "arn:aws:batch:us-west-2:123456789012"
NAMES = {
    "<StorageBucket5CB7C8EA.Arn>": "arn:aws:s3:::own",
    "<StorageLogs2A2D4D26>": "logs",
    "<AWS::AccountId>": "123456789012",
    "<Computedefaultdefaultqueue7BA7E305.JobQueueArn>": f"{ARN}:job-queue/default-default",
    "<ComputedefaulthighpriorityqueueEE46A92C.JobQueueArn>": f"{ARN}:job-queue/default-highpriority",
    "<HeadTaskRole5F55EF21.Arn>": "arn:aws:iam::123456789012:role/task",
}
OWN: Keys = {"aws:ResourceTag/nextflow-deployment": "default"}
THEIRS: Keys = {"aws:ResourceTag/nextflow-deployment": "default-b"}
TAGGED: Keys = {"aws:RequestTag/nextflow-deployment": "default"}
JOB = f"{ARN}:job/0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
OWN_DEFINITION = f"{ARN}:job-definition/nf-default_quay-io-x"
#: Those of other deployments, one of whose names begins with ours, and of other teams.
OTHERS_DEFINITIONS = [
    f"{ARN}:job-definition/{name}"
    for name in ("nf-quay-io-x", "nf-default-b_quay-io-x", "nf-production_x", "nextflow", "theirs")
]


@pytest.fixture(scope="module")
def head() -> Permissions:
    return Permissions(synthesize("default"), "HeadRole", NAMES)


@pytest.mark.parametrize("definition", OTHERS_DEFINITIONS)
@pytest.mark.parametrize("revision", ["", ":1"])
def test_a_head_neither_runs_nor_registers_definitions_of_others(
    head: Permissions, definition: str, revision: str
) -> None:
    """They would run under the role that they name, without iam:PassRole."""
    arn = f"{definition}{revision}"

    assert not head.allow("batch:SubmitJob", arn, TAGGED)
    assert not head.allow("batch:RegisterJobDefinition", arn)
    assert not head.allow("batch:TagResource", arn, TAGGED)


def test_a_head_runs_its_own_definitions_in_its_own_queues(head: Permissions) -> None:
    for resource in (JOB, f"{OWN_DEFINITION}:1", f"{ARN}:job-queue/default-default"):
        assert head.allow("batch:SubmitJob", resource, TAGGED)
        assert not head.allow("batch:SubmitJob", resource)
    assert head.allow("batch:RegisterJobDefinition", OWN_DEFINITION)
    assert head.allow("batch:TagResource", f"{OWN_DEFINITION}:1")
    assert not head.allow("batch:SubmitJob", f"{ARN}:job-queue/theirs", TAGGED)


def test_a_head_ends_and_tags_its_own_jobs_only(head: Permissions) -> None:
    assert head.allow("batch:TerminateJob", JOB, OWN)
    assert head.allow("batch:TagResource", JOB, TAGGED)
    assert head.allow("batch:TagResource", JOB, TAGGED | OWN)
    for keys in ({}, THEIRS, THEIRS | TAGGED):
        assert not head.allow("batch:TerminateJob", JOB, keys)
    assert not head.allow("batch:TagResource", JOB, THEIRS | TAGGED)
    assert not head.allow("batch:TagResource", JOB, OWN)


def test_a_head_registers_privileged_containers_only_if_the_settings_say_so(
    head: Permissions,
) -> None:
    privileged: Keys = {"batch:Privileged": "true"}
    allowed = of(changed("default", head__privileged_tasks=True))

    assert head.allow("batch:RegisterJobDefinition", OWN_DEFINITION, {"batch:Privileged": "false"})
    assert not head.allow("batch:RegisterJobDefinition", OWN_DEFINITION, privileged)
    assert Permissions(allowed, "HeadRole", NAMES).allow(
        "batch:RegisterJobDefinition", OWN_DEFINITION, privileged
    )


def test_a_head_hands_out_no_role_but_the_tasks(head: Permissions) -> None:
    ecs: Keys = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}

    assert head.allow("iam:PassRole", "arn:aws:iam::123456789012:role/task", ecs)
    assert not head.allow("iam:PassRole", "arn:aws:iam::123456789012:role/head", ecs)
    assert not head.allow("iam:PassRole", "arn:aws:iam::123456789012:role/task")
