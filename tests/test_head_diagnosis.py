"""One exit status and one line for each way in which a run can end."""

import signal
from pathlib import Path

import pytest

from nextflow_head import diagnosis
from nextflow_head.origins import Origins
from nextflow_head.outcome import Outcome, State
from nextflow_head.process import Exit
from tests.support.s3_of_way import NO_PROBLEM

STAMP = "Nov-24 19:18:18.516"
FAILED_PROCESS = f"""\
{STAMP} [main] DEBUG n.cloud.aws.nio.S3Client - Unable to list: Access Denied (Service: S3, \
Status Code: 403, Request ID: 1)
{STAMP} [TaskFinalizer-1] ERROR nextflow.processor.TaskProcessor - Error executing process > 'A (2)'

Caused by:
  CAUSE

Command executed:

  echo hi

Command error:
  STDERR

{STAMP} [TaskFinalizer-1] DEBUG nextflow.Session - Session aborted -- Cause: CAUSE
{STAMP} [main] DEBUG nextflow.script.ScriptRunner - > Execution complete -- Goodbye
"""
ABORTED = f"{STAMP} [main] DEBUG nextflow.Session - Session aborted -- Cause: CAUSE\n"
USAGE = f"""\
{STAMP} [main] DEBUG nextflow.cli.Launcher - Operation aborted
CAUSE
\tat nextflow.cli.CmdRun.run(CmdRun.groovy:326)
"""


def judge(tmp_path: Path, text: str, status: int = 1) -> Outcome:
    log = tmp_path / ".nextflow.log"
    log.write_text(text)
    return diagnosis.of(Exit(status, None, out_of_memory=False), log, 512, Origins(), NO_PROBLEM)


def process(cause: str, stderr: str = "bad") -> str:
    return FAILED_PROCESS.replace("CAUSE", cause).replace("STDERR", stderr)


DENIED = (
    "User: arn:aws:sts::1:assumed-role/head/i is not authorized to perform: batch:SubmitJob on"
    " resource: arn:aws:batch:us-west-2:1:job-queue/q because no identity-based policy allows the"
    " batch:SubmitJob action (Service: Batch, Status Code: 403, Request ID: 2)"
)


@pytest.mark.parametrize(
    ("log", "state", "status", "line"),
    [
        (
            process("Process `A (2)` terminated with an error exit status (7)"),
            State.FAILED,
            1,
            "pipeline failed: process A (2): Process `A (2)` terminated with an error exit status"
            " (7): bad",
        ),
        (
            process("Essential container in task exited", "first\n  last").replace(
                "Command error",
                "Command exit status:\n  7\n\nCommand output:\n  x\n\nCommand error",
            ),
            State.FAILED,
            1,
            "pipeline failed: process A (2): exit status 7: last",
        ),
        (ABORTED.replace("CAUSE", "nobody"), State.FAILED, 1, "pipeline failed: nobody"),
        (
            f"{STAMP} [main] ERROR nextflow.cli.Launcher - Script compilation error\n- file: x\n",
            State.FAILED,
            1,
            "pipeline failed: Script compilation error",
        ),
        (
            process("Host EC2 (instance i-0a1b2c) terminated."),
            State.HOST_LOST,
            5,
            "process A (2): lost its host (i-0a1b2c) more often than it is retried; resume this run"
            " with NF_RESUME and this job's id, and set head.on_demand_queue in the"
            " settings",
        ),
        (
            ABORTED.replace("CAUSE", DENIED),
            State.NO_PERMISSION,
            4,
            "no permission for batch:SubmitJob on arn:aws:batch:us-west-2:1:job-queue/q: allow it"
            " in the role's policy",
        ),
        (
            process(
                "Essential container in task exited",
                "fatal error: An error occurred (AccessDenied) when calling the PutObject operation"
                ": Access Denied",
            ),
            State.NO_PERMISSION,
            4,
            "process A (2): no permission for s3:PutObject on the object that the task's log names: allow it in"
            " the tasks' role",
        ),
        (
            ABORTED.replace("CAUSE", "java.nio.file.AccessDeniedException: /bucket/runs/a"),
            State.NO_PERMISSION,
            4,
            "no permission to read or write s3://bucket/runs/a: allow it in the role's policy",
        ),
        (
            ABORTED.replace("CAUSE", "Unable to execute HTTP request: Connection refused"),
            State.UNREACHABLE,
            6,
            "AWS did not respond: Unable to execute HTTP request: Connection refused; resume this"
            " run with NF_RESUME and this job's id",
        ),
        (
            process(
                "Unable to execute HTTP request: Connect to b failed (SDK Attempt Count: 100)"
            ).replace(
                "Caused by:\n  Unable to execute HTTP request: Connect to b failed (SDK Attempt Count: 100)",
                "Caused by:\n  Connect to b failed",
            ),
            State.UNREACHABLE,
            6,
            "AWS did not respond: Unable to execute HTTP request: Connect to b failed (SDK Attempt"
            " Count: 100); resume this run with NF_RESUME and this job's id",
        ),
        (
            process("Connection pool shut down (SDK Attempt Count: 4)").replace(
                "-- Cause: Connection pool shut down (SDK Attempt Count: 4)", "-- Cause: null"
            ),
            State.UNREACHABLE,
            6,
            "AWS did not respond: Connection pool shut down (SDK Attempt Count: 4); resume this run"
            " with NF_RESUME and this job's id",
        ),
        (
            process(
                "Invalid job definition (Service: Batch, Status Code: 400) (SDK Attempt Count: 1)"
            ),
            State.FAILED,
            1,
            "pipeline failed: process A (2): Invalid job definition (Service: Batch, Status Code:"
            " 400) (SDK Attempt Count: 1): bad",
        ),
        (
            process("Essential container in task exited", "Unable to execute HTTP request: x"),
            State.FAILED,
            1,
            "pipeline failed: process A (2): Essential container in task exited: Unable to execute"
            " HTTP request: x",
        ),
        (
            USAGE.replace("CAUSE", "nextflow.exception.AbortOperationException: Not a valid name"),
            State.BAD_INPUT,
            2,
            "Not a valid name",
        ),
        (
            "",
            State.FAILED,
            1,
            "pipeline failed: Nextflow gave no reason; read .nextflow.log in the run's logs",
        ),
    ],
)
def test_tells_the_ends_of_a_run_apart(
    tmp_path: Path, log: str, state: State, status: int, line: str
) -> None:
    assert judge(tmp_path, log) == Outcome(state, status, line)


@pytest.mark.parametrize(
    ("message", "before", "after"),
    [
        (
            f"The work directory s3://{'b' * 63}/{'f' * 200}/work is not allowed: tasks can write"
            f" only below s3://{'b' * 63}/_nextflow/runs/NAME/work; remove workDir, bucketDir or"
            " NXF_WORK",
            "The work directory s3://bbb",
            "/NAME/work; remove workDir, bucketDir or NXF_WORK",
        ),
        (
            f"storeDir s3://{'b' * 63}/{'f' * 200} is not allowed: tasks can write only in their"
            " work directories; add the folder to storage.store_dirs in the settings, or use"
            " publishDir",
            "process A (2): storeDir s3://bbb",
            "their work directories; add the folder to storage.store_dirs in the settings, or use"
            " publishDir",
        ),
    ],
    ids=["workDir", "storeDir"],
)
def test_of_what_tasks_may_not_write_only_addresses_are_shortened(
    tmp_path: Path, message: str, before: str, after: str
) -> None:
    line = judge(tmp_path, process(message)).line

    assert len(line) <= 300
    assert line.startswith(before)
    assert " is not allowed: tasks can write only " in line
    assert line.endswith(after)


def test_what_nextflow_tried_in_vain_and_did_without_is_no_cause(tmp_path: Path) -> None:
    denied = f"{STAMP} [main] DEBUG n.c.aws.nio.S3Client - {DENIED}\n"

    assert judge(tmp_path, denied + ABORTED).state is State.FAILED


def test_a_host_that_was_lost_and_replaced_is_no_cause(tmp_path: Path) -> None:
    lost = (
        f"{STAMP} [Task submitter] INFO  nextflow.head.Resubmission - NOTE: A (1) has lost its"
        " hosts: Host EC2 (instance i-1) terminated.\n"
    )

    assert judge(tmp_path, lost + process("bad")).state is State.FAILED


def test_a_pipelines_own_exit_status_is_passed_on(tmp_path: Path) -> None:
    assert judge(tmp_path, ABORTED, status=42).status == 42


def test_a_success_needs_no_words(tmp_path: Path) -> None:
    assert judge(tmp_path, process("a task that was ignored"), status=0) == Outcome(
        State.SUCCEEDED, 0, ""
    )


@pytest.mark.parametrize("status", [2, 3, 4, 5, 6])
def test_a_pipelines_own_exit_status_blames_nobody_else(tmp_path: Path, status: int) -> None:
    found = judge(tmp_path, ABORTED, status=status)

    assert (found.state, found.status) == (State.FAILED, 1)


@pytest.mark.parametrize(
    ("ended", "used"),
    [
        (
            Exit(
                3, None, out_of_memory=False, output="Terminating due to java.lang.OutOfMemoryError"
            ),
            "its heap of 512 MiB",
        ),
        (Exit(137, None, out_of_memory=True), "the container's memory"),
    ],
)
def test_says_what_to_set_when_memory_ran_out(tmp_path: Path, ended: Exit, used: str) -> None:
    found = diagnosis.of(ended, tmp_path / "none", 512, Origins(), NO_PROBLEM)

    assert (found.state, found.status) == (State.OUT_OF_MEMORY, 3)
    assert found.line.startswith(
        f"out of memory: Nextflow used all of {used}; increase the head's memory with"
    )


def test_a_signal_tells_cancelled_from_failed(tmp_path: Path) -> None:
    log = tmp_path / ".nextflow.log"
    log.write_text(ABORTED)

    found = diagnosis.of(
        Exit(1, signal.SIGTERM, out_of_memory=False), log, 512, Origins(), NO_PROBLEM
    )

    assert (found.state, found.status) == (State.CANCELLED, 143)


def test_a_run_that_ends_well_in_spite_of_a_signal_has_succeeded(tmp_path: Path) -> None:
    found = diagnosis.of(
        Exit(0, signal.SIGTERM, out_of_memory=False),
        tmp_path / "none",
        512,
        Origins(),
        NO_PROBLEM,
    )

    assert found.status == 0
