"""`nfbatch workers`: shows which workers have an old AMI, and renews them at a quiet time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local_aws import batch as local_batch
from local_aws.pace import PACE
from nfbatch.error import Kind
from stacks.transition.account import Account
from stacks.transition.effects import Effect
from tests.support.batch import Gate
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOST_HOST = {"evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}]}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def environment(lab: DeploymentTestbed) -> Iterator[str]:
    """The only environment of the deployment, with an AMI of Batch's."""
    name = lab.testbed.environment(ec2Configuration=[{"imageType": "ECS_AL2023"}])
    queues, lab.queues = lab.queues, [lab.testbed.queue(name)]
    lab.publish(lab.document)
    lab.testbed.run(jobQueue=lab.queues[0])
    yield name
    lab.queues = queues
    lab.publish(lab.document)


def seen(lab: DeploymentTestbed, *arguments: str) -> dict[str, Any]:
    answer = lab.nfbatch("workers", "--json", *arguments).json
    (workers,) = answer["workers"]
    return {"image": workers["image"], "jobs": workers["jobs"], "renewed": answer["renewed"]}


def test_an_old_ami_is_shown_and_renewed(lab: DeploymentTestbed, environment: str) -> None:
    assert seen(lab) == {"image": "latest", "jobs": 0, "renewed": []}
    local_batch.publish_images()
    assert seen(lab) == {"image": "out of date", "jobs": 0, "renewed": []}
    assert seen(lab, "--renew")["renewed"] == [environment]
    assert seen(lab, "--renew") == {"image": "latest", "jobs": 0, "renewed": []}


def test_workers_with_jobs_are_renewed_only_if_asked(
    lab: DeploymentTestbed, environment: str
) -> None:
    gate = Gate()
    job = lab.testbed.submit(gate.script, jobQueue=lab.queues[0])
    lab.testbed.wait(job, "RUNNING")
    local_batch.publish_images()
    done = lab.nfbatch("workers", "--renew")
    assert done.err == f"{environment}: stays, because 1 jobs run on it; --with-jobs renews it\n"
    assert seen(lab) == {"image": "out of date", "jobs": 1, "renewed": []}

    assert seen(lab, "--renew", "--with-jobs")["renewed"] == [environment]
    assert "UPDATING" in lab.nfbatch("workers").out
    gate.open()
    assert lab.testbed.wait(job)["status"] == "SUCCEEDED"


def test_the_children_of_array_jobs_count(lab: DeploymentTestbed, environment: str) -> None:
    """Ours: a queue's list of jobs has their parent only; `make deploy` counts as `nfbatch` does."""
    gate = Gate()
    array = {"size": 2}
    job = lab.testbed.submit(gate.script, jobQueue=lab.queues[0], arrayProperties=array)
    for child in range(2):
        lab.testbed.wait(f"{job}:{child}", "RUNNING")
    (found,) = lab.testbed.batch.describe_compute_environments(computeEnvironments=[environment])[
        "computeEnvironments"
    ]
    effect = Effect("compute environment", "spot", found["computeEnvironmentArn"], "waits", 60)

    assert seen(lab)["jobs"] == 2
    assert Account(lab.testbed.client).running_jobs([effect]) == {effect.physical_id: 2}
    gate.open()
    lab.testbed.wait(job)


def attempts(lab: DeploymentTestbed, job: str) -> list[str]:
    """How each attempt of a job that has succeeded ended."""
    ended = lab.testbed.wait(job)
    assert ended["status"] == "SUCCEEDED", ended
    return [attempt["statusReason"].partition(" (")[0] for attempt in ended["attempts"]]


def test_a_head_and_its_tasks_survive_a_renewal(
    lab: DeploymentTestbed, environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends in time goes on where it is; what does not is retried on new workers."""
    monkeypatch.setattr(PACE, "minute", 0.1)
    for name in ("main.nf", "pause-first"):
        (tmp_path / name).touch()
    (run,) = lab.nfbatch("launch", "--json", str(tmp_path)).json["runs"]
    gate = Gate()
    scripts = (gate.script, "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 600")
    short, long = (
        lab.testbed.submit(
            jobQueue=lab.queues[0],
            jobDefinition=lab.testbed.definition(
                ["sh", "-c", script], retryStrategy={"attempts": 3, **LOST_HOST}
            ),
        )
        for script in scripts
    )
    for job in (run["id"], short, long):
        lab.testbed.wait(job, "RUNNING")
    local_batch.publish_images()
    assert seen(lab, "--renew") == {"image": "out of date", "jobs": 3, "renewed": []}
    assert seen(lab, "--renew", "--with-jobs")["renewed"] == [environment]
    gate.open()

    assert attempts(lab, short) == ["Essential container in task exited"]
    for job in (run["id"], long):
        assert attempts(lab, job) == ["Host EC2", "Essential container in task exited"]
    assert seen(lab) == {"image": "latest", "jobs": 0, "renewed": []}


def test_an_option_that_says_nothing_alone_is_refused(lab: DeploymentTestbed) -> None:
    done = lab.nfbatch("workers", "--with-jobs")

    assert (done.status, done.err) == (
        Kind.BAD_INPUT,
        "nfbatch: --with-jobs is allowed together with --renew only\n",
    )
