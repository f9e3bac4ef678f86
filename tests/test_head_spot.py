"""Tasks that lose their Spot hosts, in the head's real image with a real Nextflow on the local AWS.

`make test-head` runs these: each takes a minute or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]
SUCCESS = ("SUCCEEDED", 0, "the pipeline succeeded")

#: As in nf-core's base.config: what a retry may mend is retried with more, anything else ends the
#: run, some processes apart. Their trace lies with their results.
NF_CORE = """
process {
    cpus = { 1 * task.attempt }
    memory = { 64.MB * task.attempt }
    errorStrategy = { task.exitStatus in ((130..145) + 104 + 175) ? 'retry' : 'finish' }
    maxRetries = 1
    maxErrors = '-1'
    withLabel: 'error_ignore' { errorStrategy = 'ignore' }
}
trace {
    enabled = true
    file = "trace-of-the-pipeline.txt"
}
"""

NAP = """
process NAP {
    output: stdout
    script: "sleep 8; echo done"
}
workflow { NAP | view }
"""


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "spot") as bed:
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))


def in_order(testbed: HeadTestbed, head: str) -> list[dict[str, Any]]:
    """The tasks of a run as they were submitted."""
    return sorted(testbed.tasks(head), key=lambda task: int(task["createdAt"]))


def queues(testbed: HeadTestbed, head: str) -> list[str]:
    """Where they were submitted to."""
    return [task["jobQueue"].rsplit("/", 1)[1] for task in in_order(testbed, head)]


def memory(task: dict[str, Any]) -> str:
    """What a task asked for, in MiB."""
    needs = {need["type"]: need["value"] for need in task["container"]["resourceRequirements"]}
    return str(needs["MEMORY"])


def reclaim(testbed: HeadTestbed, task: str) -> None:
    """Take a task's host away as soon as it runs there."""
    testbed.until(lambda: testbed.status(task) == "RUNNING", f"{task} runs")
    testbed.aws.faults.host_reclaimed(task)


def lose(testbed: HeadTestbed, head: str, number: int) -> None:
    """Have the newest of so many tasks of a run lose its host."""
    testbed.until(lambda: len(testbed.tasks(head)) == number, f"task {number}")
    reclaim(testbed, in_order(testbed, head)[-1]["jobId"])


def test_with_the_strategy_of_nf_core_a_task_that_loses_every_spot_host_ends_on_demand(
    testbed: HeadTestbed,
) -> None:
    job = testbed.submit(
        testbed.put_project("spot", NAP, NF_CORE), NF_ON_DEMAND_QUEUE="highpriority"
    )
    for attempt in range(5):
        testbed.until(
            lambda attempt=attempt: (
                [len(task.get("attempts", [])) for task in testbed.tasks(job)]  # type: ignore[misc]
                == [attempt]
            ),
            f"{attempt} hosts are lost",
        )
        reclaim(testbed, testbed.tasks(job)[0]["jobId"])

    assert testbed.end(job) == SUCCESS

    assert queues(testbed, job) == ["default", "highpriority"]
    lost, done = in_order(testbed, job)
    assert [attempt["statusReason"][:8] for attempt in lost["attempts"]] == ["Host EC2"] * 5
    assert memory(lost) == memory(done) == "64", "a loss is no reason for more memory"
    record = testbed.record(job)
    assert record["tasks"] == {"completed": 1}
    assert record["processes"] == {"NAP": {"completed": 1}}
    assert {plugin.partition("@")[0] for plugin in record["versions"]["plugins"]} == {
        *("nf-amazon", "nf-cloudcache", "nf-head"),
    }
    log = testbed.log(testbed.describe(job)[0])
    assert any("It is submitted again, to queue highpriority" in line for line in log)


def test_without_an_on_demand_queue_the_last_line_names_the_setting(testbed: HeadTestbed) -> None:
    config = f"{NF_CORE}\naws.batch.maxSpotAttempts = 1"
    job = testbed.submit(testbed.put_project("spot-only", NAP, config))
    lose(testbed, job, 1)

    state, status, line = testbed.end(job)

    assert (state, status) == ("HOST_LOST", 5)
    assert line.startswith("process NAP: lost its host (i-")
    assert "head.on_demand_queue" in line
    assert queues(testbed, job) == ["default"]


def test_a_loss_changes_nothing_of_what_the_strategy_makes_of_failures(
    testbed: HeadTestbed,
) -> None:
    pipeline = """
    process GREEDY {
        output: stdout
        script: "sleep 8; test ${task.attempt} -gt 1 || exit 137; echo enough"
    }
    process IGNORED {
        label 'error_ignore'
        input: val after
        script: "exit 3"
    }
    process BROKEN {
        input: val after
        script: "echo 'no such genome' >&2; sleep 4; exit 7"
    }
    process SLOW {
        input: val after
        script: "sleep 15"
    }
    workflow {
        GREEDY()
        IGNORED(GREEDY.out)
        BROKEN(GREEDY.out)
        SLOW(GREEDY.out)
    }
    """
    config = f"{NF_CORE}\naws.batch.maxSpotAttempts = 1"
    project = testbed.put_project("failing-on-spot", pipeline, config)
    job = testbed.submit(project, NF_ON_DEMAND_QUEUE="highpriority")
    lose(testbed, job, 1)

    state, status, line = testbed.end(job)

    assert (state, status) == ("FAILED", 1)
    assert line.startswith(
        "pipeline failed: process BROKEN: exit status 7: no such genome (work directory: s3://"
    )
    greedy = [task for task in in_order(testbed, job) if task["jobName"] == "GREEDY"]
    assert [memory(task) for task in greedy] == ["64", "64", "128"]
    assert queues(testbed, job)[:3] == ["default", "highpriority", "highpriority"]
    assert testbed.record(job)["processes"] == {
        "BROKEN": {"failed": 1},
        "GREEDY": {"completed": 1, "failed": 1},
        "IGNORED": {"failed": 1},
        "SLOW": {"completed": 1},
    }


def test_of_a_job_array_only_what_lost_its_host_goes_on_demand(testbed: HeadTestbed) -> None:
    pipeline = """
    process ITEM {
        array 3
        input: val n
        output: stdout
        script: "sleep 8; echo item $n"
    }
    workflow { channel.of(1..3) | ITEM | view }
    """
    config = f"{NF_CORE}\naws.batch.maxSpotAttempts = 1"
    project = testbed.put_project("array-on-spot", pipeline, config)
    job = testbed.submit(project, NF_ON_DEMAND_QUEUE="highpriority")
    testbed.until(lambda: bool(testbed.tasks(job)), "the array is submitted")
    array = testbed.tasks(job)[0]["jobId"]
    reclaim(testbed, f"{array}:1")

    assert testbed.end(job) == SUCCESS

    again = [task for task in testbed.tasks(job) if task["jobId"] != array]
    assert [task["jobQueue"].rsplit("/", 1)[1] for task in again] == ["highpriority"]
    assert testbed.record(job)["tasks"] == {"completed": 3}


def test_a_task_within_the_environments_limits_gives_up_when_it_is_lost_on_demand_too(
    testbed: HeadTestbed,
) -> None:
    pipeline = NAP.replace("output", "cpus 64\n    memory '900 GB'\n    output")
    # Batch would repeat it five times before Nextflow heard of it.
    project = testbed.put_project("fleeting", pipeline, "aws.batch.maxSpotAttempts = 1")
    job = testbed.submit(
        project,
        NF_ON_DEMAND_QUEUE="highpriority",
        NF_MAX_CPUS="2",
        NF_MAX_MEMORY="2048",
        NF_OWNER="ada",
    )
    # Once more On-Demand, as the head's own errorStrategy retries what has no exit status.
    for number in (1, 2, 3):
        lose(testbed, job, number)

    state, status, line = testbed.end(job)

    assert (state, status) == ("HOST_LOST", 5)
    assert line.startswith("process NAP: lost its host (i-")
    assert queues(testbed, job) == ["default", "highpriority", "highpriority"]
    for task in testbed.tasks(job):
        needs = {need["type"]: need["value"] for need in task["container"]["resourceRequirements"]}
        assert needs == {"VCPU": "2", "MEMORY": "2048"}, "no more than the largest instance has"
        assert task["tags"] == {
            "nextflow-run": f"run-{job}-a1",
            "nextflow-session": testbed.record(job)["session"]["id"],
            "nextflow-deployment": "workshop",
            "nextflow-owner": "ada",
        }
