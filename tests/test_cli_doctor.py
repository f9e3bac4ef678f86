"""`nfbatch doctor` with jobs that are really stuck, or really failed, on the local AWS."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from nfbatch.error import Kind
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


def submit(lab: DeploymentTestbed, queue: str, **needs: str) -> str:
    wanted = [{"type": kind, "value": value} for kind, value in needs.items()]
    return lab.testbed.submit(
        jobName="stuck", jobQueue=queue, containerOverrides={"resourceRequirements": wanted}
    )


def found(lab: DeploymentTestbed, name: str) -> dict[str, Any]:
    done = lab.nfbatch("doctor", "--json", name)
    said: dict[str, Any] = json.loads(done.out)["finding"]
    assert done.status == (Kind.RUN_FAILED if said["problem"] else 0), done.err
    return said


def state(lab: DeploymentTestbed, queue: str, value: str) -> str:
    """Disable or enable the environment of a queue."""
    (described,) = lab.testbed.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    arn = described["computeEnvironmentOrder"][0]["computeEnvironment"]
    lab.testbed.batch.update_compute_environment(computeEnvironment=arn, state=value)
    return str(arn).rpartition("/")[2]


def test_a_job_that_is_larger_than_every_instance(lab: DeploymentTestbed) -> None:
    # The environment may have 256 vCPUs, and its largest instance has 192.
    job = submit(lab, lab.queues[1], VCPU="200")
    said = found(lab, job)
    behind = submit(lab, lab.queues[1], VCPU="1")
    waiting = found(lab, behind)
    lab.testbed.batch.terminate_job(jobId=job, reason="the test is over")

    assert said["id"] == "larger-than-instances"
    assert said["sentence"].startswith("stuck asks for 200 vCPUs, 64 MiB and 0 GPUs, and no inst")
    assert f"aws batch terminate-job --job-id {job} " in said["remedy"]
    assert (waiting["id"], job in waiting["sentence"]) == ("behind-another", True)


def test_a_disabled_environment(lab: DeploymentTestbed) -> None:
    name = state(lab, lab.queues[1], "DISABLED")
    job = submit(lab, lab.queues[1], VCPU="1")
    said = found(lab, job)
    state(lab, lab.queues[1], "ENABLED")

    assert said["id"] == "environments-disabled"
    assert f"--compute-environment {name} --state ENABLED" in said["remedy"]
    lab.testbed.wait(job)
    assert lab.nfbatch("doctor", job).status == 0


def test_a_head_that_failed_says_its_own_reason(lab: DeploymentTestbed) -> None:
    (run,) = lab.nfbatch("launch", "--json", "--name", "wrong", "s3://nowhere/at-all").json["runs"]
    lab.testbed.wait(run["id"])
    said = found(lab, "wrong")

    assert said["id"] == "run-failed"
    assert "BAD_INPUT" in said["sentence"]
    assert "nowhere" in said["sentence"]


def test_the_task_that_holds_up_a_run_is_named(lab: DeploymentTestbed, tmp_path: Any) -> None:
    (tmp_path / "main.nf").write_text("workflow {}\n")
    (tmp_path / "pause").touch()
    (run,) = lab.nfbatch("launch", "--json", "--name", "held", str(tmp_path)).json["runs"]
    lab.testbed.wait(run["id"], "RUNNING")
    deadline = time.monotonic() + 200
    while not any(run["id"] in key for key in lab.keys("logs")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    folder = f"{lab.document_uri('runs')}/run-{run['id']}/work/ab/1"
    task = lab.testbed.submit(
        jobName="nf-ALIGN",
        jobQueue=lab.queues[1],
        jobDefinition=lab.testbed.definition(["true", f"{folder}/.command.run"]),
        containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": "300"}]},
    )
    said = found(lab, "held")
    for job in (task, run["id"]):
        lab.testbed.batch.terminate_job(jobId=job, reason="the test is over")

    assert said["id"] == "more-vcpus-than-environment"
    assert said["sentence"].startswith("nf-ALIGN asks for 300 vCPUs")


def test_the_checks_of_a_deployment(lab: DeploymentTestbed) -> None:
    """The local AWS lacks some services: what it does not answer is named, and nothing fails."""
    done = lab.nfbatch("doctor", "--json")
    said = json.loads(done.out)

    assert {"queues", "environments", "bucket-region"} <= set(said["passed"])
    assert all(each["sentence"] and each["remedy"] for each in said["findings"])
    assert all(each["why"] for each in said["not_checked"])
