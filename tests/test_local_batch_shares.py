"""Which share of a fair-share queue of the local Batch is served next."""

from collections.abc import Iterator
from typing import Any

import pytest

from local_aws.batch import share_usage
from local_aws.batch.scheduling_policy import SchedulingPolicy
from local_aws.batch.share_usage import ShareUsage
from tests.support.batch import Gate, Testbed, process_testbed


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


def shared_queue(testbed: Testbed, vcpus: int, **policy: Any) -> str:
    arn = testbed.batch.create_scheduling_policy(
        name=testbed.unique("policy"), fairsharePolicy=policy
    )["arn"]
    return testbed.queue(testbed.environment(maxvCpus=vcpus), schedulingPolicyArn=arn)


class Load:
    """Jobs in a queue that run until they are stopped."""

    def __init__(self, testbed: Testbed, queue: str) -> None:
        self._testbed = testbed
        self._queue = queue
        self._gate = Gate()
        self._definition = testbed.definition(["sh", "-c", self._gate.script], schedulingPriority=0)
        self.jobs: list[str] = []

    def submit(self, share: str, count: int = 1, **more: Any) -> list[str]:
        made = [
            self._testbed.submit(
                jobQueue=self._queue,
                jobDefinition=self._definition,
                shareIdentifier=share,
                **more,
            )
            for _ in range(count)
        ]
        self.jobs += made
        return made

    def waiting(self, jobs: list[str]) -> list[str]:
        return [job for job in jobs if self._testbed.describe(job)["status"] == "RUNNABLE"]

    def end(self, *jobs: str) -> None:
        for job in jobs or self.jobs:
            self._testbed.batch.terminate_job(jobId=job, reason="seen")
        for job in jobs or self.jobs:
            self._testbed.wait(job)


def test_a_run_of_many_tasks_does_not_starve_another_team(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/scheduling-policies.html."""
    load = Load(testbed, shared_queue(testbed, 4))
    many = load.submit("genomics", 40)
    few = load.submit("imaging", 2)
    assert load.waiting(few) == few
    running = [job for job in many if job not in load.waiting(many)]
    assert len(running) == 4
    load.end(*running[:2])

    # Of the next two vCPUs both go to the share that has had none.
    assert load.waiting(few) == []
    load.end()


def test_half_the_weight_factor_gets_twice_as_much(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html."""
    weights = [
        {"shareIdentifier": "a", "weightFactor": 1.0},
        {"shareIdentifier": "b*", "weightFactor": 0.5},
    ]
    load = Load(testbed, shared_queue(testbed, 6, shareDistribution=weights))
    blocker = load.submit("c", 6)
    ours, theirs = load.submit("a", 6), load.submit("b1", 6)
    load.end(*blocker)

    assert (len(load.waiting(ours)), len(load.waiting(theirs))) == (4, 2)
    load.end()


def test_a_priority_counts_only_within_its_share(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html."""
    load = Load(testbed, shared_queue(testbed, 1))
    (blocker,) = load.submit("c")
    (first,) = load.submit("a")
    (urgent,) = load.submit("b", schedulingPriorityOverride=9)
    (more_urgent,) = load.submit("a", schedulingPriorityOverride=5)
    queue = testbed.describe(blocker)["jobQueue"]
    front = testbed.batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]

    assert [entry["jobArn"].rpartition("/")[2] for entry in front] == [more_urgent, first, urgent]
    load.end()


def test_a_reservation_is_kept_for_shares_without_jobs(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_FairsharePolicy.html."""
    load = Load(testbed, shared_queue(testbed, 8, computeReservation=50))
    alone = load.submit("a", 8)
    assert len(load.waiting(alone)) == 4
    # Of two shares 25 % is reserved: the second finds room at once, and then the first has one more.
    second = load.submit("b")
    assert load.waiting(second) == []
    assert len(load.waiting(alone)) == 3
    load.end()


def test_a_queue_with_shares_takes_no_job_without_a_priority(testbed: Testbed) -> None:
    """https://github.com/nextflow-io/nextflow/pull/3505."""
    queue = shared_queue(testbed, 1)

    with pytest.raises(testbed.batch.exceptions.ClientException, match="Either schedulingPriority"):
        testbed.submit(jobQueue=queue, shareIdentifier="a")


def test_what_a_share_has_used_is_forgotten_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_FairsharePolicy.html."""
    clock = [1_000_000]
    monkeypatch.setattr(share_usage, "now", lambda: clock[0])
    policy = SchedulingPolicy.__new__(SchedulingPolicy)
    policy.update({"shareDecaySeconds": 0})
    usage = ShareUsage()

    class Two:
        share_identifier = "a"

        class demand:  # noqa: N801 - the job's attribute
            vcpus = 2.0

    job: Any = Two()
    usage.started(job)
    assert usage.of("a", policy) == 2
    usage.ended(job, 600_000, policy)
    assert usage.of("a", policy) == pytest.approx(2)
    clock[0] += 600_000
    assert usage.of("a", policy) == pytest.approx(0.736, abs=0.001)
    clock[0] += 36_000_000
    assert usage.of("a", policy) == pytest.approx(0, abs=0.001)
