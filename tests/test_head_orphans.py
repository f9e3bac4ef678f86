"""Tasks that an earlier head left running, on the local AWS's Batch."""

import dataclasses
from collections.abc import Iterator

import pytest

from nextflow_head import history, orphans
from nextflow_head.environment import Environment
from nextflow_head.session import Session
from tests.support.batch import REGION, Gate, Testbed, process_testbed

TOO_LARGE = {"resourceRequirements": [{"type": "VCPU", "value": "9999"}]}


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as bed:
        yield bed


def environment(job_id: str, queue: str, deployment: str | None = None) -> Environment:
    read = Environment.read(
        {
            "AWS_BATCH_JOB_ID": job_id,
            "AWS_BATCH_JOB_ATTEMPT": "2",
            "AWS_REGION": REGION,
            "NF_JOB_QUEUE": queue,
            "NF_WORKDIR": "s3://bucket/runs",
            "NF_LOGSDIR": "s3://bucket/logs",
        }
    )
    return dataclasses.replace(read, deployment=deployment)


def test_terminates_the_sessions_tasks_and_no_others(testbed: Testbed) -> None:
    gate = Gate()
    queue, of_the_environment, elsewhere = (
        testbed.queue(),
        testbed.queue(tags={orphans.QUEUE_TAG: "lab"}),
        testbed.queue(),
    )
    head = testbed.submit(gate.script, jobQueue=queue)
    head_environment = environment(head, queue, "lab")
    session = Session.of(head_environment)
    tags = {orphans.TAG: session.id}
    command = f"{gate.script} # {session.work}/ab/cdef/.command.run"
    ours = [
        testbed.submit(gate.script, jobQueue=queue, tags=tags),
        testbed.submit(gate.script, jobQueue=of_the_environment, tags=tags),
        testbed.submit(command, jobQueue=queue, tags={"of": "the pipeline"}),
        # Larger than any instance, so that it waits.
        testbed.submit(
            gate.script, jobQueue=of_the_environment, tags=tags, containerOverrides=TOO_LARGE
        ),
    ]
    others = [
        testbed.submit(gate.script, jobQueue=queue),
        testbed.submit(gate.script, jobQueue=queue, tags={orphans.TAG: "another"}),
        testbed.submit(gate.script, jobQueue=elsewhere, tags={orphans.TAG: "another"}),
    ]
    for job in [head, *ours[:3], *others]:
        testbed.wait(job, "RUNNING")

    assert orphans.terminate(session, head_environment, testbed.batch, "gone") == len(ours)

    ended = [testbed.wait(job) for job in ours]
    assert {(job["status"], job["statusReason"]) for job in ended} == {("FAILED", "gone")}
    assert {testbed.describe(job)["status"] for job in [head, *others]} == {"RUNNING"}
    gate.open()
    for job in others:
        assert testbed.wait(job)["status"] == "SUCCEEDED"


def test_a_task_that_is_ending_already_is_left_alone(testbed: Testbed) -> None:
    queue = testbed.queue()
    head_environment = environment("gone", queue)
    deaf = "trap '' TERM; while :; do sleep 0.1; done"
    task = testbed.submit(deaf, jobQueue=queue, tags={orphans.TAG: Session.of(head_environment).id})
    testbed.wait(task, "RUNNING")
    testbed.batch.terminate_job(jobId=task, reason="by Nextflow")

    assert (
        orphans.terminate(Session.of(head_environment), head_environment, testbed.batch, "gone")
        == 0
    )
    assert testbed.describe(task)["status"] == "RUNNING"


def test_finds_nothing_where_nothing_was_left(testbed: Testbed) -> None:
    queue = testbed.queue()

    assert (
        orphans.terminate(
            Session.of(environment("gone", queue)),
            environment("gone", queue),
            testbed.batch,
            "gone",
        )
        == 0
    )


def test_the_next_attempt_knows_how_the_last_one_ended(testbed: Testbed) -> None:
    retry = {
        "attempts": 2,
        "evaluateOnExit": [
            {"action": "RETRY", "onExitCode": "9"},
            {"action": "EXIT", "onReason": "*"},
        ],
    }
    job = testbed.run("exit 9", retryStrategy=retry)

    first, second = history.of(job["jobId"], testbed.batch)

    assert (first.number, first.status, second.number) == (1, 9, 2)
    assert str(first).startswith("attempt 1 ended: ")


def test_a_lost_host_is_called_so() -> None:
    lost = history.Attempt(1, 0, 1, None, "Host EC2 (instance i-0a1b) terminated.")

    assert str(lost) == "attempt 1 lost its host: Host EC2 (instance i-0a1b) terminated."
