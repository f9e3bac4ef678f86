"""The functions that tidy up, on the local AWS: each does its work once, and no more than that."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from nextflow_janitors import (
    census,
    jobs,
    lost_hosts,
    old_head_images,
    orphaned_tasks,
    report,
    stale_definitions,
    stray_volumes,
)
from nextflow_janitors.environment import Environment
from tests.support.batch import REGION, Gate, Testbed, process_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC)
TAG = "nextflow-batch:deployment"
LAB = Environment(deployment="lab", head="nextflow", logs="s3://lab-data/_nextflow/logs")


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=0.5) as made:
        yield made


@pytest.fixture(scope="module")
def queue(testbed: Testbed) -> str:
    return testbed.queue()


@pytest.fixture(scope="module")
def lab(testbed: Testbed, queue: str) -> Environment:
    testbed.client("s3").create_bucket(
        Bucket="lab-data", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return replace(LAB, queues=(queue,))


def denied(action: str, operation: str) -> ClientError:
    message = f"User: arn:aws:sts::1:assumed-role/x is not authorized to perform: {action} on *"
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)


class Refusing:
    """A client without one permission.

    Args:
        client: The client.
        operation: The method that AWS refuses.
        action: The action that it needs.
    """

    def __init__(self, client: Any, operation: str, action: str) -> None:
        self._client, self._operation, self._action = client, operation, action

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            return self._refuse
        return getattr(self._client, name)

    def _refuse(self, **_: object) -> None:
        raise denied(self._action, self._operation)


class Tasks:
    """Jobs of the deployment that wait for a gate."""

    def __init__(self, testbed: Testbed, queue: str) -> None:
        self.gate = Gate()
        self._testbed, self._queue = testbed, queue

    def submit(self, *, deployment: str = "lab", work: str = "", **tags: str) -> str:
        """Submit one, and wait until it runs."""
        script = f"{self.gate.script} # {work}"
        tagged = {"nextflow-deployment": deployment} | tags
        job = self._testbed.submit(script, jobQueue=self._queue, tags=tagged)
        self._testbed.wait(job, "RUNNING")
        return job


@pytest.fixture
def tasks(testbed: Testbed, queue: str) -> Iterator[Tasks]:
    made = Tasks(testbed, queue)
    yield made
    made.gate.open()


def ended(head: str, *command: str, **variables: str) -> dict[str, Any]:
    """Batch's event, shortened. Its time has no fractions of a second.

    https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html
    """
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    return {
        "detail-type": "Batch Job State Change",
        "source": "aws.batch",
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "detail": {
            "jobId": head,
            "status": "FAILED",
            "container": {"command": list(command), "environment": environment},
        },
    }


def stop(testbed: Testbed, event: dict[str, Any], lab: Environment) -> report.Facts:
    return orphaned_tasks.stop(event, lab, batch=testbed.batch, s3=testbed.client("s3"))


# The id that the head derives from the job 4c7599ae, docs/head.md#sessions.
SESSION = "d1f2"


def test_the_tasks_of_an_ended_head_are_stopped_and_no_others(
    testbed: Testbed, lab: Environment, tasks: Tasks
) -> None:
    key = "_nextflow/logs/run-4c7599ae/run.json"
    folder = "s3://lab-data/_nextflow/logs/sessions/run-first"
    record = {"session": {"id": SESSION, "folder": folder}, "arguments": ["hello"]}
    testbed.client("s3").put_object(Bucket="lab-data", Key=key, Body=json.dumps(record))
    tagged = tasks.submit(**{"nextflow-session": SESSION})
    untagged = tasks.submit(work="s3://lab-data/_nextflow/runs/run-first/work/ab/cd/.command.run")
    others = [
        tasks.submit(**{"nextflow-session": "another"}),
        tasks.submit(deployment="other", **{"nextflow-session": SESSION}),
    ]

    done = stop(testbed, ended("4c7599ae"), lab)

    assert sorted(done["stopped"]) == sorted([tagged, untagged])
    for job in (tagged, untagged):
        assert testbed.wait(job)["statusReason"] == "its head has ended"
    assert {testbed.describe(job)["status"] for job in others} == {"RUNNING"}


def test_a_head_without_a_record_is_known_by_its_job(
    testbed: Testbed, lab: Environment, tasks: Tasks
) -> None:
    from nextflow_head.environment import Environment as HeadEnvironment  # noqa: PLC0415
    from nextflow_head.session import Session  # noqa: PLC0415

    variables = {
        "AWS_BATCH_JOB_ID": "0b3b",
        "AWS_REGION": REGION,
        "NF_JOB_QUEUE": "default",
        "NF_WORKDIR": "s3://lab-data/_nextflow/runs",
        "NF_LOGSDIR": "s3://lab-data/_nextflow/logs",
    }
    session = Session.of(HeadEnvironment.read(variables))
    left = [
        tasks.submit(**{"nextflow-session": session.id}),
        tasks.submit(work=f"{session.work}/ab/cd/.command.run"),
    ]

    assert sorted(stop(testbed, ended("0b3b"), lab)["stopped"]) == sorted(left)


def test_tasks_that_a_later_head_has_submitted_go_on(
    testbed: Testbed, lab: Environment, tasks: Tasks
) -> None:
    event = ended("77aa") | {"time": "2026-01-01T00:00:00Z"}
    job = tasks.submit(work="s3://lab-data/_nextflow/runs/run-77aa/work/ab/cd")

    assert stop(testbed, event, lab)["stopped"] == []
    assert testbed.describe(job)["status"] == "RUNNING"


@pytest.mark.parametrize(
    "event",
    [
        ended("88aa", "hello", "-disable-jobs-cancellation"),
        ended("88aa", "hello", NXF_DISABLE_JOBS_CANCELLATION="true"),
    ],
)
def test_tasks_go_on_if_the_run_wants_it(
    testbed: Testbed, lab: Environment, tasks: Tasks, event: dict[str, Any]
) -> None:
    job = tasks.submit(work="s3://lab-data/_nextflow/runs/run-88aa/work/ab/cd")

    assert stop(testbed, event, lab)["stopped"] == []
    assert testbed.describe(job)["status"] == "RUNNING"


def test_without_permission_no_task_is_touched_and_the_line_names_it(
    testbed: Testbed, lab: Environment, tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tasks.submit(work="s3://lab-data/_nextflow/runs/run-99aa/work/ab/cd")
    batch = Refusing(testbed.batch, "terminate_job", "batch:TerminateJob")

    with pytest.raises(report.MissingPermissionError, match="lacks batch:TerminateJob"):
        report.run(
            orphaned_tasks.NAME,
            "lab",
            lambda: orphaned_tasks.stop(ended("99aa"), lab, batch=batch, s3=testbed.client("s3")),
        )

    line = json.loads(capsys.readouterr().out)
    assert line == {
        "event": "janitor orphaned tasks",
        "deployment": "lab",
        "outcome": "no permission",
        "missing": "batch:TerminateJob",
    }
    assert testbed.describe(job)["status"] == "RUNNING"


def volume(testbed: Testbed, deployment: str) -> str:
    tags = [{"Key": TAG, "Value": deployment}]
    made = testbed.client("ec2").create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=7,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
    )
    return str(made["VolumeId"])


class Ahead:
    """A client whose volumes a worker deletes a moment earlier."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ec2, name)

    def delete_volume(self, VolumeId: str) -> None:  # noqa: N803 - EC2's name
        self._ec2.delete_volume(VolumeId=VolumeId)
        self._ec2.delete_volume(VolumeId=VolumeId)


def test_old_volumes_without_an_instance_are_deleted_and_no_others(
    testbed: Testbed, lab: Environment
) -> None:
    ec2 = testbed.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    stray, used, other = volume(testbed, "lab"), volume(testbed, "lab"), volume(testbed, "other")
    ec2.attach_volume(VolumeId=used, InstanceId=run, Device="/dev/sdf")

    assert stray_volumes.delete(lab, ec2=ec2)["deleted"] == []  # they are young
    later = datetime.now(UTC) + stray_volumes.IN_USE_SOON
    refusing = Refusing(ec2, "delete_volume", "ec2:DeleteVolume")
    with pytest.raises(ClientError):
        stray_volumes.delete(lab, ec2=refusing, now=later)
    assert stray_volumes.delete(lab, ec2=Ahead(ec2), now=later) == {"deleted": [], "gib": 0}
    stray = volume(testbed, "lab")
    later = datetime.now(UTC) + stray_volumes.IN_USE_SOON
    assert stray_volumes.delete(lab, ec2=ec2, now=later) == {"deleted": [stray], "gib": 7}
    left = {each["VolumeId"] for each in ec2.describe_volumes()["Volumes"]}
    assert left >= {used, other}
    assert stray not in left


REPOSITORY = f"cdk-hnb659fds-container-assets-123456789012-{REGION}"


def push(testbed: Testbed, tag: str) -> str:
    """Push an image as the CDK does, and return its name."""
    testbed.client("ecr").put_image(
        repositoryName=REPOSITORY,
        imageTag=tag,
        imageManifestMediaType="application/vnd.docker.distribution.manifest.v2+json",
        imageManifest=json.dumps({"schemaVersion": 2, "layers": [{"digest": tag}]}),
    )
    return f"123456789012.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:{tag}"


def test_images_that_only_earlier_revisions_of_the_head_name_are_deleted(
    testbed: Testbed, queue: str, lab: Environment
) -> None:
    ecr = testbed.client("ecr")
    ecr.create_repository(repositoryName=REPOSITORY)
    head = "lab-head"
    gate = Gate()

    def revision(image: str, *, of: str = head, active: bool = True) -> str:
        container = {"image": image, "command": ["sh", "-c", gate.script], "resourceRequirements": [
            {"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"},
        ]}  # fmt: skip
        made = testbed.batch.register_job_definition(
            jobDefinitionName=of, type="container", containerProperties=container
        )
        if not active:
            testbed.batch.deregister_job_definition(jobDefinition=made["jobDefinitionArn"])
        return str(made["jobDefinitionArn"])

    revision(push(testbed, "first"), active=False)
    revision(push(testbed, "second"))
    shared = push(testbed, "shared")
    revision(shared)
    revision(shared, of="other-head")
    revision("quay.io/lab/head:elsewhere")
    running = revision(push(testbed, "running"))
    alive = testbed.submit(jobQueue=queue, jobDefinition=running)
    revision(push(testbed, "before"))
    revision(push(testbed, "last"))
    revision(push(testbed, "now"))
    revision(push(testbed, "someones"), of="someones", active=False)
    theirs = replace(lab, head=head, repository=REPOSITORY)
    later = datetime.now(UTC) + old_head_images.AGE
    kept = {"shared", "running", "before", "last", "now", "someones"}
    try:
        testbed.wait(alive, "RUNNING")
        young = old_head_images.delete(theirs, batch=testbed.batch, ecr=ecr)
        refusing = Refusing(ecr, "batch_delete_image", "ecr:BatchDeleteImage")
        with pytest.raises(ClientError):
            old_head_images.delete(theirs, batch=testbed.batch, ecr=refusing, now=later)
        done = old_head_images.delete(theirs, batch=testbed.batch, ecr=ecr, now=later)
    finally:
        gate.open()

    assert young["deleted"] == []
    assert done == {"deleted": ["first", "second"], "failed": [], "kept": 4}
    left = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    assert {tag for image in left for tag in image["imageTags"]} == kept
    testbed.wait(alive)
    done = old_head_images.delete(theirs, batch=testbed.batch, ecr=ecr, now=later)
    assert done["deleted"] == ["running"]


def definition(testbed: Testbed, name: str, days: float | None) -> str:
    tags = {} if days is None else {stale_definitions.CREATED_TAG: _instant(days)}
    container = {"image": "a", "command": ["true"], "resourceRequirements": [
        {"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"},
    ]}  # fmt: skip
    made = testbed.batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=container, tags=tags
    )
    return f"{name}:{made['revision']}"


def _instant(days: float) -> str:
    """As Java prints an instant, with nanoseconds."""
    return f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%S}.123456789Z"


def test_only_definitions_that_are_old_and_unused_are_deregistered(
    testbed: Testbed, queue: str, lab: Environment
) -> None:
    old, older = definition(testbed, "nf-lab_a", 31), definition(testbed, "nf-lab_a", 90)
    kept = {
        definition(testbed, "nf-lab_b", 29),
        definition(testbed, "nf-lab_b", None),
        definition(testbed, "nf-lab2_c", 90),
        definition(testbed, "nf-other-image", 90),
    }
    used = definition(testbed, "nf-lab_used", 90)
    testbed.wait(testbed.submit(jobQueue=queue, jobDefinition=used))
    pauses: list[float] = []

    done = stale_definitions.deregister(lab, batch=testbed.batch, now=NOW, pause=pauses.append)

    assert set(done["deregistered"]) == {old, older}
    assert done["kept"] == 3
    assert len(pauses) == 2
    pages = testbed.batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
    active = {
        f"{each['jobDefinitionName']}:{each['revision']}"
        for page in pages
        for each in page["jobDefinitions"]
    }
    assert active >= kept | {used}
    assert not active & {old, older}


def test_no_definition_goes_while_a_head_is_older_than_batchs_memory(
    testbed: Testbed, queue: str, lab: Environment
) -> None:
    definition(testbed, "nf-lab_d", 90)
    gate = Gate()
    name = testbed.definition(["sh", "-c", gate.script])
    head = testbed.submit(jobQueue=queue, jobDefinition=name)
    testbed.wait(head, "RUNNING")
    week = NOW + timedelta(days=7)
    try:
        done = stale_definitions.deregister(replace(lab, head=name), batch=testbed.batch, now=week)
    finally:
        gate.open()

    assert done == {"deregistered": [], "reason": f"the head {head} runs for more than 6 days"}


def test_the_census_counts_tasks_heads_and_vcpus(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = testbed.environment()
    queue = testbed.queue(environment)
    lab = replace(LAB, queues=(queue,))
    assert census.count(lab, testbed.batch)["jobs"] == 0
    assert capsys.readouterr().out == ""
    gate = Gate()
    name = testbed.definition(["sh", "-c", gate.script])
    for each in (name, testbed.definition(["sh", "-c", gate.script])):
        testbed.wait(testbed.submit(jobQueue=queue, jobDefinition=each), "RUNNING")

    try:
        done = census.count(replace(lab, head=name), testbed.batch)
    finally:
        gate.open()

    assert done == {"jobs": 2, "vcpus": {environment: 2}}
    counted, vcpus = map(json.loads, capsys.readouterr().out.splitlines())
    assert (counted["TasksRunning"], counted["TasksRunnable"], counted["RunsAlive"]) == (1, 0, 1)
    assert (vcpus["VCpus"], vcpus["environment"]) == (2, environment)
    (directive,) = vcpus["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["deployment", "environment"]]


def test_a_lost_host_is_a_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEPLOYMENT", "lab")
    reason = "Host EC2 (instance i-0123) terminated."
    job = {"jobId": "j", "jobName": "ALIGN", "status": "RUNNABLE"}
    lost, other = {"statusReason": reason}, {"statusReason": "Essential container in task exited"}
    lost_hosts.handler({"detail": {**job, "attempts": [other, lost]}})

    line = json.loads(capsys.readouterr().out)
    assert (line["LostHosts"], line["reason"], line["deployment"]) == (1, reason, "lab")
    lost_hosts.handler({"detail": {**job, "status": "FAILED", "attempts": [lost, lost], **lost}})
    assert json.loads(capsys.readouterr().out)["LostHosts"] == 1
    for later in ({"attempts": [lost, other]}, {"status": "FAILED", "attempts": [lost], **other}):
        lost_hosts.handler({"detail": {**job, **later}})
        assert capsys.readouterr().out == "", "its loss was counted when it happened"


@pytest.mark.parametrize("code", ["AuthorizationError", "KMSAccessDenied", "UnauthorizedOperation"])
def test_each_services_refusal_is_a_missing_permission(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def publish() -> report.Facts:
        message = "x is not authorized to perform: kms:Decrypt on y"
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Publish")

    with pytest.raises(report.MissingPermissionError):
        report.run("brake", "lab", publish)
    assert json.loads(capsys.readouterr().out)["missing"] == "kms:Decrypt"


def test_an_unexpected_error_is_one_line_and_raised(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> report.Facts:
        raise ClientError({"Error": {"Code": "ServerException", "Message": "later"}}, "ListJobs")

    with pytest.raises(ClientError):
        report.run("census", "lab", fail)
    assert json.loads(capsys.readouterr().out)["outcome"] == "failed"


def test_states_are_those_of_batch(testbed: Testbed) -> None:
    model = testbed.batch.meta.service_model.shape_for("JobStatus")
    assert set(model.enum) == {*jobs.ALIVE, "SUCCEEDED", "FAILED"}
