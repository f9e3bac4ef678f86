"""`nfbatch smoke`: its pipeline, what it proves, and what it does not claim."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local_aws import faults
from nfbatch import lost_host, smoke_run, tasks
from nfbatch.error import Kind
from nfbatch.proof import Proof
from nfbatch.run import Run
from nfbatch.site import Site
from tests.support.deployment import DeploymentTestbed, deployment_testbed
from tests.support.recorded_aws import Answers, Denied, RecordedAws
from tests.support.recorded_deployment import HEALTHY, job, nfbatch
from tests.test_strict_syntax import against, libraries  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "arn:aws:ecs:us-west-2:123456789012:container-instance/heads_Batch_1/abc"
COLUMNS = "name\thash\tnative_id\tstatus\texit\tsubmit\tduration\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


def test_the_pipeline_is_valid_in_the_pinned_nextflow(
    libraries: list[Path],  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    texts = {file.name: file.read_text() for file in smoke_run.PIPELINE.iterdir()}

    assert set(texts) == {"main.nf", "nextflow.config"}
    assert against(libraries, tmp_path, texts) == []


def test_it_fills_more_than_the_first_size_of_scratch() -> None:
    devices = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30}},
        {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 50}},
    ]
    version = {"LaunchTemplateData": {"BlockDeviceMappings": devices}}
    answers = {
        **HEALTHY,
        "DescribeLaunchTemplateVersions": {"LaunchTemplateVersions": [version]},
        "GetCallerIdentity": {"Arn": "arn:aws:iam::123456789012:user/me"},
    }
    done = nfbatch(RecordedAws(answers), "smoke", "--dry-run")
    request = json.loads(done.out)

    assert request["containerOverrides"]["command"][1:] == ["--fill_gib", "55"]
    assert nfbatch(RecordedAws(HEALTHY), "smoke", "--dry-run").status == Kind.NOT_FOUND


def host(tasks_on_it: int = 1) -> Answers:
    made = {
        "containerInstanceArn": HOST,
        "ec2InstanceId": "i-1",
        "runningTasksCount": tasks_on_it,
        "pendingTasksCount": 0,
    }
    return {"DescribeContainerInstances": {"containerInstances": [made]}}


@pytest.mark.parametrize(("answers", "ended", "evidence"), [
    (host(), ["i-1"], "i-1, the head's instance, was terminated"),
    (host(3), [], "not tried: 2 other jobs run on the head's instance"),
    (
        {"DescribeContainerInstances": Denied("ecs:DescribeContainerInstances")},
        [],
        "your credentials may not call ecs:DescribeContainerInstances: docs/nfbatch.md lists the"
        " permissions that nfbatch needs",
    ),
])  # fmt: skip
def test_only_an_instance_of_the_head_alone_is_terminated(
    answers: Answers, ended: list[str], evidence: str
) -> None:
    terminated: list[str] = []

    def terminate(params: dict[str, Any]) -> dict[str, Any]:
        terminated.extend(params["InstanceIds"])
        return {}

    aws = RecordedAws({**answers, "TerminateInstances": terminate})
    head = Run(job(container={"containerInstanceArn": HOST}))
    said = lost_host.lose(Site(aws, None), head)  # type: ignore[arg-type]

    assert (terminated, said.evidence, said.is_proved) == (ended, evidence, bool(ended))


def put_table(lab: DeploymentTestbed, head: str, attempt: int, names: list[str]) -> None:
    rows = "".join(f"{name}\tab/cd\tj\tCOMPLETED\t0\t-\t1s\n" for name in names)
    lab.s3.put_object(
        Bucket=lab.bucket,
        Key=f"_nextflow/logs/run-{head}/a{attempt}/tasks.tsv",
        Body=(COLUMNS + rows).encode(),
    )


def test_a_run_that_loses_its_head(
    lab: DeploymentTestbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Nextflow is a stand-in: the tables of its tasks are the test's."""
    for file in smoke_run.PIPELINE.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "pause-first").touch()
    monkeypatch.setattr(smoke_run, "PIPELINE", tmp_path)
    monkeypatch.setattr(smoke_run, "_POLL_SECONDS", 0.2)
    pausing = {"jobName": "nf-PAUSE", "status": "RUNNING"}
    monkeypatch.setattr(tasks, "alive", lambda *_: [pausing])

    def lose(_: Site, head: Run) -> Proof:
        put_table(lab, head.id, 1, ["WRITE", "READ"])
        lab.testbed.server.faults.host_reclaimed(head.id)
        return Proof("the head was lost", True, "its host was reclaimed")

    monkeypatch.setattr(lost_host, "lose", lose)
    done = lab.nfbatch("smoke", "--fill", "1", "--json")
    said = json.loads(done.out)
    proved = {each["what"]: each["proved"] for each in said["proofs"]}

    assert said["run"]["state"] == "SUCCEEDED"
    assert said["run"]["attempts"] == 2
    assert proved == {
        "tasks write S3": True,
        "tasks read S3": True,
        "a run survives a lost head": True,
        # It is not claimed, because the table of no attempt has it.
        "scratch grows": False,
        "logs are readable": True,
        "its cost is known": True,
    }
    assert done.status == Kind.RUN_FAILED
    assert lab.keys("launch") == []
    assert "host-reclaimed" in faults.KINDS


def test_a_run_that_takes_too_long_is_cancelled(
    lab: DeploymentTestbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.nf").write_text("workflow {}\n")
    (tmp_path / "pause").touch()
    monkeypatch.setattr(smoke_run, "PIPELINE", tmp_path)
    monkeypatch.setattr(smoke_run, "_POLL_SECONDS", 0.2)
    monkeypatch.setattr(smoke_run, "MINUTES", 0)
    done = lab.nfbatch("smoke", "--fill", "1")
    newest = lab.nfbatch("list", "--json", "-n", "1").json["runs"][0]

    assert (done.status, "and was cancelled" in done.err) == (Kind.RUN_FAILED, True)
    lab.testbed.wait(newest["id"])
    assert lab.nfbatch("status", "--json", newest["id"]).json["state"] == "CANCELLED"
    assert lab.keys("launch") == []
