"""Jobs on the local Batch: what they get, how they end, and what DescribeJobs says of them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_aws import batch
from local_aws.batch.runner import Container, ContainerSpec, Exit
from local_aws.batch.runtime import RUNTIME
from tests.support.batch import Gate, Testbed, process_testbed


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as made:
        yield made


def test_a_job_that_exits_with_zero_succeeds(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_states.html."""
    job = testbed.run("echo done")

    assert job["status"] == "SUCCEEDED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 0
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]


def test_a_job_that_exits_with_another_code_fails_with_that_code(testbed: Testbed) -> None:
    """The status reason is seen in https://github.com/getmoto/moto/issues/2829."""
    job = testbed.run("exit 7")

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 7
    assert job["attempts"][0]["container"]["exitCode"] == 7


def test_a_killed_process_counts_as_128_plus_the_signal(testbed: Testbed) -> None:
    """https://docs.docker.com/engine/containers/run/#exit-status."""
    assert testbed.run("kill -9 $$")["container"]["exitCode"] == 137


def test_five_jobs_start_without_waiting_for_the_scheduler(testbed: Testbed) -> None:
    """A run of hello has five jobs: each is dispatched at once, not at the next tick.

    Ours: AWS promises no time.
    """
    queue, definition = testbed.queue(), testbed.definition()
    submitted = [testbed.submit(jobQueue=queue, jobDefinition=definition) for _ in range(5)]
    jobs = [testbed.wait(job) for job in submitted]

    assert max(job["startedAt"] - job["createdAt"] for job in jobs) < 1000


def test_the_container_has_the_variables_that_batch_sets(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html."""
    environment = testbed.environment()
    queue = testbed.queue(environment)
    job = testbed.run("env | grep ^AWS_BATCH | sort", jobQueue=queue)

    assert testbed.lines(job) == [
        f"AWS_BATCH_CE_NAME={environment}",
        "AWS_BATCH_JOB_ATTEMPT=1",
        f"AWS_BATCH_JOB_ID={job['jobId']}",
        f"AWS_BATCH_JQ_NAME={queue}",
    ]


def test_overrides_win_over_the_definition(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html."""
    definition = testbed.definition(
        ["false"],
        container={
            "environment": [{"name": "ONE", "value": "1"}, {"name": "TWO", "value": "2"}],
        },
    )
    job = testbed.run(
        jobDefinition=definition,
        containerOverrides={
            "command": ["sh", "-c", "echo $ONE $TWO $THREE"],
            "environment": [{"name": "TWO", "value": "b"}, {"name": "THREE", "value": "c"}],
            "resourceRequirements": [{"type": "MEMORY", "value": "128"}],
        },
    )

    assert testbed.lines(job) == ["1 b c"]
    assert job["container"]["resourceRequirements"] == [
        {"type": "VCPU", "value": "1"},
        {"type": "MEMORY", "value": "128"},
    ]


def test_the_described_environment_is_what_was_submitted_however_often_it_is_asked(
    testbed: Testbed,
) -> None:
    """DescribeJobs shows the request's variables; Batch's own are the container's only.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerDetail.html
    """
    job = testbed.run(containerOverrides={"environment": [{"name": "A", "value": "1"}]})
    again = [testbed.describe(job["jobId"])["container"]["environment"] for _ in range(3)]

    assert again == [[{"name": "A", "value": "1"}]] * 3


def test_parameters_replace_placeholders_in_the_command(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html."""
    definition = testbed.definition(
        ["echo", "Ref::greeting", "Ref::name"], parameters={"greeting": "hi", "name": "nobody"}
    )
    job = testbed.run(jobDefinition=definition, parameters={"name": "you"})

    assert testbed.lines(job) == ["hi you"]
    assert job["parameters"] == {"greeting": "hi", "name": "you"}


def test_output_can_be_read_while_the_job_runs(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html."""
    identity = testbed.submit("echo first; sleep 30; echo last")
    job = testbed.wait(identity, "RUNNING")
    deadline = time.monotonic() + 5
    while not (lines := testbed.lines(job)) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert lines == ["first"]
    assert testbed.describe(identity)["status"] == "RUNNING"
    testbed.batch.terminate_job(jobId=identity, reason="seen")


def test_both_streams_arrive_in_their_order(testbed: Testbed) -> None:
    """The awslogs driver takes standard output and error alike.

    https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
    """
    job = testbed.run("echo one; echo two >&2; echo; printf three")

    assert testbed.lines(job) == ["one", "two", "three"]


def test_the_log_stream_is_named_after_definition_and_task(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/using_cloudwatch_logs.html."""
    job = testbed.run()
    task = job["container"]["taskArn"].rpartition("/")[2]
    name = job["jobDefinition"].rpartition("/")[2].partition(":")[0]

    assert job["container"]["logStreamName"] == f"{name}/default/{task}"


def test_a_job_logs_to_the_group_of_its_log_configuration(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html."""
    group = testbed.unique("/tasks")
    testbed.client("logs").create_log_group(logGroupName=group)
    options = {"awslogs-group": group, "awslogs-stream-prefix": "nf"}
    configuration = {"logDriver": "awslogs", "options": options}
    definition = testbed.definition(["echo", "here"], container={"logConfiguration": configuration})
    job = testbed.run(jobDefinition=definition)

    assert job["container"]["logStreamName"].startswith("nf/default/")
    assert testbed.lines(job, group) == ["here"]


def test_a_missing_log_group_keeps_the_container_from_starting(testbed: Testbed) -> None:
    """The form of the reason: https://github.com/seqeralabs/nf-tower/issues/305."""
    configuration = {"logDriver": "awslogs", "options": {"awslogs-group": "/not/there"}}
    job = testbed.run(
        jobDefinition=testbed.definition(container={"logConfiguration": configuration})
    )

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")
    assert "The specified log group does not exist." in job["container"]["reason"]


def test_a_command_that_is_not_there_keeps_the_container_from_starting(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    job = testbed.run(jobDefinition=testbed.definition(["/not/there"]))

    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")
    assert "exitCode" not in job["container"]


def test_a_failed_pull_is_named_and_has_no_exit_code(testbed: Testbed) -> None:
    """Both reasons are seen in https://github.com/nextflow-io/nextflow/issues/5099."""
    batch.fail_next_pull()
    job = testbed.run()

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in job["container"]
    assert job["startedAt"] == 0
    assert testbed.run()["status"] == "SUCCEEDED"


def test_only_the_named_image_fails_to_be_pulled(testbed: Testbed) -> None:
    """The fault switch can name an image.

    Ours: a fault of the switch.
    """
    batch.fail_next_pull("other:1")
    batch.fail_next_pull("other:1")
    other = testbed.definition(container={"image": "other:1"})

    assert testbed.run()["status"] == "SUCCEEDED"
    assert [testbed.run(jobDefinition=other)["status"] for _ in range(3)] == [
        "FAILED",
        "FAILED",
        "SUCCEEDED",
    ]


def test_an_array_job_runs_a_child_for_each_index(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html."""
    parent = testbed.submit(
        "echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE",
        arrayProperties={"size": 3},
    )
    job = testbed.wait(parent)
    children = [testbed.describe(f"{parent}:{index}") for index in range(3)]

    assert job["status"] == "SUCCEEDED"
    assert job["arrayProperties"]["size"] == 3
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 3
    assert [testbed.lines(child) for child in children] == [["0 of 3"], ["1 of 3"], ["2 of 3"]]
    assert [child["arrayProperties"] for child in children] == [{"index": i} for i in range(3)]


def test_an_array_job_is_pending_while_children_run_and_fails_with_one(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (jobStatus)."""
    gate = Gate()
    parent = testbed.submit(
        f"{gate.script}; exit $AWS_BATCH_JOB_ARRAY_INDEX", arrayProperties={"size": 2}
    )
    testbed.wait(f"{parent}:1", "RUNNING")
    assert testbed.describe(parent)["status"] == "PENDING"
    gate.open()
    job = testbed.wait(parent)

    assert job["status"] == "FAILED"
    assert job["arrayProperties"]["statusSummary"] == {
        "SUBMITTED": 0,
        "PENDING": 0,
        "RUNNABLE": 0,
        "STARTING": 0,
        "RUNNING": 0,
        "SUCCEEDED": 1,
        "FAILED": 1,
    }


@pytest.mark.parametrize("container", [
    {"volumes": [{"host": {"sourcePath": "/scratch"}}]},
    {"mountPoints": [{"containerPath": "/scratch"}]},
])  # fmt: skip
def test_a_container_that_cannot_be_made_fails_with_a_reason(
    testbed: Testbed, container: dict[str, Any]
) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    job = testbed.run(jobDefinition=testbed.definition(container=container))

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("Cannot")


class Lost:
    """A runner that loses sight of its containers."""

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        return self

    def wait(self) -> Exit:
        raise ConnectionError("the engine is gone")

    def stop(self) -> None:
        return

    def kill(self) -> None:
        return


def test_a_container_that_is_lost_sight_of_fails_with_a_reason(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html."""
    monkeypatch.setattr(RUNTIME, "runner", Lost())
    job = testbed.run()

    assert job["status"] == "FAILED"
    assert job["container"]["reason"].startswith("CannotInspectContainerError: ")
    assert "the engine is gone" in job["container"]["reason"]
    assert "exitCode" not in job["container"]
