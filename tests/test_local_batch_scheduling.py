"""Where and when jobs of the local Batch are placed."""

import threading
from collections.abc import Iterator

import pytest

from local_aws.batch.capacity import instance_types
from tests.support.batch import Gate, Testbed, process_testbed


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


def where(testbed: Testbed, job: str) -> str:
    (line,) = testbed.lines(testbed.wait(job))
    return line


PLACE = "echo $AWS_BATCH_CE_NAME"


def test_a_job_goes_to_the_first_environment_with_room(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeEnvironmentOrder.html."""
    first, second = testbed.environment(maxvCpus=1), testbed.environment()
    queue = testbed.queue(first, second)
    gate = Gate()
    script = f"echo $AWS_BATCH_CE_NAME; {gate.script}"
    jobs = [testbed.submit(script, jobQueue=queue) for _ in range(3)]
    gate.open()

    assert [where(testbed, job) for job in jobs] == [first, second, second]


def test_the_order_counts_not_the_place_in_the_list(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeEnvironmentOrder.html."""
    last, first = testbed.environment(), testbed.environment()
    queue = testbed.unique("queue")
    testbed.batch.create_job_queue(
        jobQueueName=queue,
        priority=1,
        computeEnvironmentOrder=[
            {"order": 7, "computeEnvironment": last},
            {"order": 3, "computeEnvironment": first},
        ],
    )

    assert where(testbed, testbed.submit(PLACE, jobQueue=queue)) == first


def test_jobs_wait_for_vcpus_in_the_order_of_submission(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_scheduling.html."""
    queue = testbed.queue(testbed.environment(maxvCpus=2))
    gate = Gate()
    definition = testbed.definition(["sh", "-c", f"{gate.script}; sleep 0.1"])
    jobs = [testbed.submit(jobQueue=queue, jobDefinition=definition) for _ in range(5)]
    assert [testbed.describe(job)["status"] for job in jobs[2:]] == ["RUNNABLE"] * 3
    gate.open()
    times = [(job["startedAt"], job["stoppedAt"]) for job in map(testbed.wait, jobs)]
    starts = [start for start, _ in times]

    assert all(one <= later for one, later in zip(starts, starts[2:], strict=False))
    for start in starts:
        assert sum(1 for begin, end in times if begin <= start < end) <= 2


def test_the_queue_with_the_higher_priority_is_served_first(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html (priority)."""
    shared = testbed.environment(maxvCpus=1)
    low, high = testbed.queue(shared, priority=1), testbed.queue(shared, priority=100)
    gate = Gate()
    blocker = testbed.submit(gate.script, jobQueue=low)
    early = testbed.submit(jobQueue=low)
    late = testbed.submit(jobQueue=high)
    gate.open()
    testbed.wait(blocker)

    assert testbed.wait(late)["startedAt"] <= testbed.wait(early)["startedAt"]
    assert testbed.describe(late)["stoppedAt"] <= testbed.describe(early)["startedAt"]


def test_a_small_job_does_not_take_the_room_that_a_higher_priority_waits_for(
    testbed: Testbed,
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html (priority)."""
    shared = testbed.environment(maxvCpus=2)
    low, high = testbed.queue(shared, priority=1), testbed.queue(shared, priority=100)
    gate = Gate()
    blocker = testbed.submit(gate.script, jobQueue=low)
    wide = {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}
    big = testbed.submit("sleep 0.1", jobQueue=high, containerOverrides=wide)
    small = testbed.submit(jobQueue=low)

    assert testbed.describe(small)["status"] == "RUNNABLE"
    gate.open()
    assert testbed.wait(big)["startedAt"] <= testbed.wait(small)["startedAt"]
    testbed.wait(blocker)


def test_a_job_larger_than_all_environments_says_so_and_blocks_its_queue(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html."""
    queue = testbed.queue(testbed.environment(maxvCpus=4))
    wide = {"resourceRequirements": [{"type": "VCPU", "value": "8"}]}
    big = testbed.submit(jobQueue=queue, containerOverrides=wide)
    behind = testbed.submit(jobQueue=queue)
    job = testbed.describe(big)

    assert job["status"] == "RUNNABLE"
    assert job["statusReason"] == (
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job "
        "queue cannot meet the CPU requirement of the job."
    )
    assert testbed.describe(behind)["status"] == "RUNNABLE"
    testbed.batch.cancel_job(jobId=big, reason="too big")
    assert testbed.wait(behind)["status"] == "SUCCEEDED"


def test_a_job_that_no_instance_holds_says_so(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html."""
    queue = testbed.queue(testbed.environment(instanceTypes=["c6i.large", "m6i.large"]))
    # An instance's nominal memory: the agent and the kernel take some of it.
    memory = {"resourceRequirements": [{"type": "MEMORY", "value": str(8 * 1024)}]}
    job = testbed.describe(testbed.submit(jobQueue=queue, containerOverrides=memory))

    assert job["status"] == "RUNNABLE"
    assert job["statusReason"] == (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement "
        "(vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
    )


def test_a_gpu_job_goes_where_there_are_gpus(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html."""
    plain, gpus = testbed.environment(), testbed.environment(instanceTypes=["g5"])
    wants = {"resourceRequirements": [{"type": "GPU", "value": "1"}]}
    job = testbed.submit(PLACE, jobQueue=testbed.queue(plain, gpus), containerOverrides=wants)

    assert where(testbed, job) == gpus


def test_a_disabled_environment_takes_no_job_until_it_is_enabled(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeEnvironmentDetail.html."""
    environment = testbed.environment()
    queue = testbed.queue(environment)
    testbed.batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    job = testbed.submit(jobQueue=queue)
    assert testbed.describe(job)["status"] == "RUNNABLE"
    testbed.batch.update_compute_environment(computeEnvironment=environment, state="ENABLED")

    assert testbed.wait(job)["status"] == "SUCCEEDED"


def test_raising_max_vcpus_lets_waiting_jobs_start(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateComputeEnvironment.html."""
    environment = testbed.environment(maxvCpus=1)
    queue = testbed.queue(environment)
    blocker = testbed.submit("sleep 30", jobQueue=queue)
    job = testbed.submit(jobQueue=queue)
    testbed.batch.update_compute_environment(
        computeEnvironment=environment, computeResources={"maxvCpus": 2}
    )

    assert testbed.wait(job)["status"] == "SUCCEEDED"
    testbed.batch.terminate_job(jobId=blocker, reason="seen")


def test_the_environment_tells_the_vcpus_in_use(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html."""
    environment = testbed.environment()
    job = testbed.submit("sleep 30", jobQueue=testbed.queue(environment))
    testbed.wait(job, "RUNNING")

    def desired() -> int:
        answer = testbed.batch.describe_compute_environments(computeEnvironments=[environment])
        return int(answer["computeEnvironments"][0]["computeResources"]["desiredvCpus"])

    assert desired() == 1
    testbed.batch.terminate_job(jobId=job, reason="seen")
    testbed.wait(job)
    assert desired() == 0


def test_a_blocking_job_can_be_cancelled_by_the_queues_time_limit(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html."""
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    action = {"reason": reason, "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}
    queue = testbed.queue(testbed.environment(maxvCpus=1), jobStateTimeLimitActions=[action])
    wide = {"resourceRequirements": [{"type": "VCPU", "value": "8"}]}
    identity = testbed.submit(jobQueue=queue, containerOverrides=wide)
    job = testbed.inside.state.jobs[identity]
    testbed.inside.scheduler.expire(job, reason)

    assert testbed.describe(identity)["statusReason"] == (
        f"Canceled by JobStateTimeLimit action due to reason: {reason}"
    )


def time_limits() -> int:
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    return sum("expire" in repr(t.function) for t in timers if not t.finished.is_set())


def test_a_queues_time_limit_ends_with_the_blockade_and_with_a_reset(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobStateTimeLimitAction.html."""
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    action = {"reason": reason, "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}
    queue = testbed.queue(testbed.environment(maxvCpus=1), jobStateTimeLimitActions=[action])
    wide = {"resourceRequirements": [{"type": "VCPU", "value": "8"}]}
    before = time_limits()
    first = testbed.submit(jobQueue=queue, containerOverrides=wide)
    assert time_limits() == before + 1
    testbed.batch.cancel_job(jobId=first, reason="too big")
    assert time_limits() == before
    second = testbed.submit(jobQueue=queue, containerOverrides=wide)
    assert time_limits() == before + 1
    job = testbed.inside.state.jobs[second]
    testbed.inside.reset()
    testbed.inside.scheduler.expire(job, reason)

    assert time_limits() == 0


def test_a_family_does_not_include_its_metal_sizes() -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/create-compute-environment.html."""
    names = {offered.name for offered in instance_types(["c7i"])}

    assert "c7i.48xlarge" in names
    assert not [name for name in names if ".metal" in name]
    assert [offered.name for offered in instance_types(["c7i.metal-24xl"])] == ["c7i.metal-24xl"]
