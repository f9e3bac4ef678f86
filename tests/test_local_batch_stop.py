"""Jobs of the local Batch that are terminated, cancelled, timed out, or lose their host."""

import threading
import time
from collections.abc import Callable, Iterator
from threading import Event, Timer

import pytest
from botocore.exceptions import ClientError

from local_aws import batch
from local_aws.batch import limits, logs
from local_aws.batch.runner import Container, ContainerSpec, Exit
from local_aws.batch.runtime import RUNTIME, Runtime
from tests.support.batch import Gate, Testbed, process_testbed

TRAP = "trap 'echo told to stop; exit 9' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=0.5) as made:
        yield made


def ready(testbed: Testbed, identity: str) -> None:
    while not testbed.lines(testbed.wait(identity, "RUNNING")):
        pass


def test_a_terminated_job_gets_sigterm_and_fails_with_the_given_reason(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html."""
    identity = testbed.submit(TRAP, retryStrategy={"attempts": 3})
    ready(testbed, identity)
    testbed.batch.terminate_job(jobId=identity, reason="Job killed by NF")
    job = testbed.wait(identity)

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Job killed by NF"
    assert job["isTerminated"] is True
    assert job["container"]["exitCode"] == 9
    assert testbed.lines(job) == ["ready", "told to stop"]
    assert len(job["attempts"]) == 1, "a terminated job is not retried"


def test_a_job_that_exits_with_zero_when_told_to_stop_has_failed_all_the_same(
    testbed: Testbed,
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html."""
    identity = testbed.submit(TRAP.replace("exit 9", "exit 0"))
    ready(testbed, identity)
    testbed.batch.terminate_job(jobId=identity, reason="enough")

    assert testbed.wait(identity)["status"] == "FAILED"


def test_a_job_that_ignores_sigterm_is_killed_after_the_stop_timeout(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html: 30 seconds."""
    assert Runtime().stop_timeout == 30
    identity = testbed.submit("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    ready(testbed, identity)
    testbed.batch.terminate_job(jobId=identity, reason="enough")
    assert testbed.describe(identity)["status"] == "RUNNING"
    job = testbed.wait(identity)

    assert job["container"]["exitCode"] == 137
    assert RUNTIME.stop_timeout * 1000 <= job["stoppedAt"] - job["startedAt"]


@pytest.mark.parametrize(("operation", "flag"), [
    ("terminate_job", "isTerminated"),
    ("cancel_job", "isCancelled"),
])  # fmt: skip
def test_a_job_stopped_before_its_start_fails_and_never_runs(
    testbed: Testbed, operation: str, flag: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html."""
    queue = testbed.queue(testbed.environment(maxvCpus=1))
    blocker = testbed.submit("sleep 30", jobQueue=queue)
    waiting = testbed.submit(jobQueue=queue, retryStrategy={"attempts": 3})
    assert testbed.describe(waiting)["status"] == "RUNNABLE"
    getattr(testbed.batch, operation)(jobId=waiting, reason="not needed")
    job = testbed.wait(waiting)

    assert (job["status"], job["statusReason"]) == ("FAILED", "not needed")
    assert job[flag] is True
    assert job["attempts"] == []
    testbed.batch.terminate_job(jobId=blocker, reason="seen")


def test_cancelling_a_running_job_succeeds_and_changes_nothing(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CancelJob.html."""
    gate = Gate()
    identity = testbed.submit(gate.script)
    testbed.wait(identity, "RUNNING")
    testbed.batch.cancel_job(jobId=identity, reason="too late")
    gate.open()
    job = testbed.wait(identity)

    assert job["status"] == "SUCCEEDED"
    assert job["isCancelled"] is False


def test_terminating_an_array_job_terminates_its_children(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html."""
    identity = testbed.submit("sleep 30", arrayProperties={"size": 3})
    testbed.wait(f"{identity}:2", "RUNNING")
    testbed.batch.terminate_job(jobId=identity, reason="enough")
    job = testbed.wait(identity)

    assert job["statusReason"] == "enough"
    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 3


def test_an_attempt_that_lasts_too_long_is_stopped_and_not_retried(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html."""
    monkeypatch.setattr(limits, "_MIN_TIMEOUT", 1)
    job = testbed.run(TRAP, timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3})

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert job["timeout"] == {"attemptDurationSeconds": 1}
    assert testbed.lines(job) == ["ready", "told to stop"]
    assert len(job["attempts"]) == 1


def test_a_reclaimed_host_leaves_no_exit_code(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html (Spot)."""
    identity = testbed.submit("sleep 30")
    testbed.wait(identity, "RUNNING")
    batch.reclaim_host(identity)
    job = testbed.wait(identity)

    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith("Host EC2 (instance i-")
    assert job["statusReason"].endswith(") terminated.")
    assert "exitCode" not in job["container"]
    assert "exitCode" not in job["attempts"][0]["container"]


def test_only_a_job_under_way_can_lose_its_host(testbed: Testbed) -> None:
    """Ours: a fault of the switch."""
    identity = testbed.run()["jobId"]

    with pytest.raises(LookupError, match=f"job {identity} is not STARTING or RUNNING"):
        batch.reclaim_host(identity)


def test_deleting_a_queue_terminates_its_jobs(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteJobQueue.html."""
    queue = testbed.queue()
    identity = testbed.submit("sleep 30", jobQueue=queue)
    testbed.wait(identity, "RUNNING")
    testbed.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    testbed.batch.delete_job_queue(jobQueue=queue)

    assert testbed.wait(identity)["status"] == "FAILED"


def test_nothing_of_a_job_outlives_it(
    testbed: Testbed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A container's other processes end with its first one.

    Ours: a job's timers and credentials are the server's.
    """
    mark = tmp_path_factory.mktemp("mark") / "alive"
    testbed.run(f"(sleep 0.3; touch {mark}) & true")
    testbed.run("sleep 0.5")

    assert not mark.exists()


def test_stopping_an_attempt_that_is_over_sets_no_timer(testbed: Testbed) -> None:
    """A kill that comes later would hit whoever has the process id by then.

    Ours: timers are the server's.
    """
    gate = Gate()
    identity = testbed.submit(gate.script)
    testbed.wait(identity, "RUNNING")
    execution = testbed.inside.scheduler.execution_of(identity)
    assert execution is not None
    gate.open()
    execution.join()
    execution.stop()
    functions = [t.function for t in threading.enumerate() if isinstance(t, Timer)]

    assert "_JobProcess" not in {type(getattr(f, "__self__", None)).__name__ for f in functions}


def test_a_job_terminated_while_it_is_prepared_is_not_started(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html."""
    preparing, go_on = Event(), Event()
    opened = logs.LogStream.open

    def slow(stream: logs.LogStream, *, create_group: bool) -> None:
        preparing.set()
        go_on.wait(10)
        opened(stream, create_group=create_group)

    monkeypatch.setattr(logs.LogStream, "open", slow)
    identity = testbed.submit("echo ran; sleep 30")
    assert preparing.wait(10)
    testbed.batch.terminate_job(jobId=identity, reason="enough")
    go_on.set()
    job = testbed.wait(identity)

    assert (job["status"], job["statusReason"]) == ("FAILED", "enough")
    assert "startedAt" not in job["attempts"][0]


class Deaf:
    """A runner whose containers nothing ends but the test's end."""

    def __init__(self) -> None:
        self.over = Event()

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        return self

    def wait(self) -> Exit:
        self.over.wait(60)
        return Exit(code=0)

    def stop(self) -> None:
        return

    def kill(self) -> None:
        return


def test_a_reset_waits_once_for_all_attempts_that_do_not_end(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: AWS is not reset."""
    runner = Deaf()
    monkeypatch.setattr(RUNTIME, "runner", runner)
    monkeypatch.setattr("local_aws.batch.scheduler._LAST_WAIT", 0.3)
    queue = testbed.queue()
    for job in [testbed.submit(jobQueue=queue) for _ in range(5)]:
        testbed.wait(job, "RUNNING")
    started = time.monotonic()
    testbed.inside.scheduler.stop_all()
    took = time.monotonic() - started
    runner.over.set()

    assert 0.3 <= took < 1


def test_the_instance_under_a_job_is_known_and_can_be_terminated(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html."""
    identity = testbed.submit("echo ready; sleep 60")
    ready(testbed, identity)
    arn = testbed.describe(identity)["container"]["containerInstanceArn"]
    ecs, ec2 = testbed.client("ecs"), testbed.client("ec2")
    (host,) = ecs.describe_container_instances(cluster=arn.split("/")[1], containerInstances=[arn])[
        "containerInstances"
    ]
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        ec2.terminate_instances(InstanceIds=[host["ec2InstanceId"], "i-0123456789abcdef0"])
    (ended,) = ec2.terminate_instances(InstanceIds=[host["ec2InstanceId"]])["TerminatingInstances"]
    job = testbed.wait(identity)

    assert (host["containerInstanceArn"], host["runningTasksCount"]) == (arn, 1)
    assert ended["CurrentState"]["Name"] == "shutting-down"
    assert job["statusReason"] == f"Host EC2 (instance {host['ec2InstanceId']}) terminated."
