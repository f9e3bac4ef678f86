"""What a head survives, and what it says: its real image with a real Nextflow on the local AWS.

`make test-head` runs these: each takes a minute or more.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from stacks import paths
from testbed.head import HELLO, HUNGRY, HeadTestbed, NoNextflow, head_testbed, recording

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]
SUCCESS = ("SUCCEEDED", 0, "the pipeline succeeded")
#: What a shell, a JSON reader or a terminal would not leave alone.
LETTERS = "-$`'\"\\*?[]{}()<>|&;!#~= \n\t\r\x01\x7f%@éa0\u2028🧬"
REPORTS = {"report.html", "timeline.html", "trace.txt", "tasks.tsv", "dag.html"}


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "scenarios") as bed:
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))


@pytest.fixture(autouse=True)
def _no_faults(testbed: HeadTestbed) -> Iterator[None]:
    yield
    testbed.aws.faults.clear()


@pytest.fixture(scope="module")
def naps(testbed: HeadTestbed) -> str:
    return testbed.put_project("naps")


def test_hello_succeeds_and_leaves_its_record(testbed: HeadTestbed) -> None:
    job = testbed.submit(testbed.put_project("hello", HELLO))

    assert testbed.end(job) == SUCCESS

    record = testbed.record(job)
    assert record["tasks"] == {"completed": 4}
    assert record["versions"]["nextflow"]
    assert {plugin.partition("@")[0] for plugin in record["versions"]["plugins"]} == {
        *("nf-amazon", "nf-cloudcache", "nf-head"),
    }, "a plugin of the image that nobody names is not loaded"
    assert record["revision"]
    names = {key.rsplit("/", 1)[1] for key in testbed.keys(f"_nextflow/logs/run-{job}/a1/")}
    assert names == {*REPORTS, ".nextflow.log", "nextflow.config"}


def test_nothing_that_the_head_sets_makes_nextflow_warn(testbed: HeadTestbed) -> None:
    log = testbed.log(testbed.wait(testbed.submit(testbed.put_project("hello", HELLO))))

    assert [line for line in log if "WARN" in line] == []


def test_what_a_task_makes_is_published_and_what_a_project_brings_is_found(
    testbed: HeadTestbed,
) -> None:
    project = testbed.put_project(
        "publishing",
        """
        process GREET {
            publishDir params.outdir, mode: 'copy'
            output: path 'greeting.txt'
            script: "greet >greeting.txt"
        }
        workflow { GREET() }
        """,
    )
    testbed.s3.put_object(
        Bucket=testbed.bucket, Key="projects/publishing/bin/greet", Body=b"#!/bin/sh\necho hello\n"
    )

    job = testbed.submit(project, "--outdir", f"s3://{testbed.bucket}/results")

    assert testbed.end(job) == SUCCESS
    assert testbed.keys("results/") == ["results/", "results/greeting.txt"]


def test_nf_core_parameters_are_checked_without_a_registry(testbed: HeadTestbed) -> None:
    project = testbed.put_project(
        "validated",
        """
        include { validateParameters } from 'plugin/nf-schema'
        params.outdir = null
        workflow { validateParameters() }
        """,
        config="plugins { id 'nf-schema@2.5.1' }",
    )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"outdir": {"type": "string"}},
        "required": ["outdir"],
    }
    testbed.s3.put_object(
        Bucket=testbed.bucket,
        Key="projects/validated/nextflow_schema.json",
        Body=json.dumps(schema).encode(),
    )

    job = testbed.submit(project, "--outdir", "s3://bucket/results")
    assert testbed.end(job) == SUCCESS
    assert "nf-schema@2.5.1" in testbed.record(job)["versions"]["plugins"]
    assert not any("registry" in line for line in testbed.log(testbed.describe(job)[0]))
    assert testbed.end(testbed.submit(project))[0] == "BAD_INPUT"


def test_after_a_lost_host_nothing_finished_runs_again_and_nothing_is_left_running(
    testbed: HeadTestbed,
) -> None:
    # Two are done before the kill, two are far from it.
    slow = testbed.submit(
        testbed.put_project(
            "mixed",
            """
            process NAP {
                input: val n
                output: stdout
                script: "sleep ${n < 3 ? 1 : 90}; echo nap $n done"
            }
            workflow { channel.of(1..4) | NAP | view }
            """,
        )
    )
    testbed.until(lambda: testbed.done(slow) == 2 and len(testbed.alive(slow)) == 2, "two are done")
    in_flight = {task["jobId"] for task in testbed.alive(slow)}

    testbed.aws.faults.host_reclaimed(slow)
    testbed.until(lambda: len(testbed.tasks(slow)) == 6, "the two in flight are submitted again")

    ended = {task["jobId"]: task for task in testbed.describe(*in_flight)}
    assert {task["statusReason"] for task in ended.values()} == {
        "its head is gone; the next one submits what is not completed"
    }
    assert testbed.end(slow) == SUCCESS
    assert len(testbed.tasks(slow)) == 6, "four, and once more the two in flight"
    assert testbed.alive(slow) == []
    record = testbed.record(slow)
    assert record["tasks"] == {"cached": 2, "completed": 2}
    assert [attempt["number"] for attempt in record["attempts"]] == [1, 2]
    assert record["attempts"][0]["reason"].startswith("Host EC2")


def test_a_terminated_run_ends_its_tasks_and_keeps_its_reports(
    testbed: HeadTestbed, naps: str
) -> None:
    job = testbed.submit(naps, "--seconds", "300")
    testbed.until(lambda: len(testbed.alive(job)) == 4, "all tasks run")

    testbed.batch.terminate_job(jobId=job, reason="enough")

    assert testbed.end(job) == (
        "CANCELLED",
        143,
        "cancelled: the head received SIGTERM, and Nextflow ended its tasks",
    )
    testbed.until(lambda: testbed.alive(job) == [], "no task is left", 60)
    assert {task["statusReason"] for task in testbed.tasks(job)} == {"Job killed by NF"}
    names = {key.rsplit("/", 1)[1] for key in testbed.keys(f"_nextflow/logs/run-{job}/a1/")}
    assert {*REPORTS, ".nextflow.log"} <= names


def test_a_later_job_resumes_what_a_terminated_one_had_done(testbed: HeadTestbed) -> None:
    project = testbed.put_project(
        "resumed",
        """
        process NAP {
            input: val n
            output: stdout
            script: "sleep ${n < 3 ? 1 : 600}; echo nap $n done"
        }
        workflow { channel.of(1..(params.tasks as Integer)) | NAP | view }
        """,
    )
    first = testbed.submit(project, "--tasks", "3")
    testbed.until(
        lambda: testbed.done(first) == 2 and len(testbed.alive(first)) == 1, "two are done"
    )

    state, status, line = testbed.end(testbed.submit(project, "--tasks", "2", NF_RESUME=first))
    assert (state, status) == ("BAD_INPUT", 2)
    assert f"job {first} uses it (RUNNING); wait until it ends, or terminate it" in line
    assert len(testbed.alive(first)) == 1, "the other's tasks are none of its business"

    testbed.batch.terminate_job(jobId=first, reason="enough")
    testbed.wait(first)
    again = testbed.submit(project, "--tasks", "2", NF_RESUME=first)

    assert testbed.end(again) == SUCCESS
    assert testbed.record(again)["tasks"] == {"cached": 2}
    last = testbed.submit(project, "--tasks", "2", NF_RESUME=again)
    assert testbed.end(last) == SUCCESS
    assert testbed.record(last)["tasks"] == {"cached": 2}


def test_a_head_without_memory_says_what_to_set_and_leaves_no_task(testbed: HeadTestbed) -> None:
    job = testbed.submit(testbed.put_project("hungry", HUNGRY), memory=512)

    state, status, line = testbed.end(job)

    assert (state, status) == ("OUT_OF_MEMORY", 3)
    assert line.startswith("out of memory: Nextflow used ")
    assert "head.memory_mib" in line
    assert {task["statusReason"] for task in testbed.tasks(job)} == {"its head has ended"}
    testbed.until(lambda: testbed.alive(job) == [], "no task is left", 60)


@pytest.mark.parametrize("services", [("s3", "batch"), ()], ids=["503", "refused"])
def test_a_minute_without_aws_ends_no_run(
    testbed: HeadTestbed, naps: str, services: tuple[str, ...]
) -> None:
    job = testbed.submit(naps, "--seconds", "15")
    testbed.until(lambda: len(testbed.alive(job)) == 4, "all tasks run")

    for service in services:
        testbed.aws.faults.unavailable(service, 60)
    if not services:
        testbed.aws.faults.refused(60)

    assert testbed.end(job) == SUCCESS
    assert len(testbed.tasks(job)) == 4


@pytest.mark.parametrize("services", [("s3", "batch"), ()], ids=["503", "refused"])
def test_a_nextflow_that_gave_up_on_aws_is_started_again(
    testbed: HeadTestbed, services: tuple[str, ...]
) -> None:
    # As after a longer outage with the attempts that the head sets. So many that some are still to be
    # submitted when it begins: Nextflow gives up on a submission, but repeats a poll.
    job = testbed.submit(
        testbed.put_project("naps"), "--tasks", "60", "--seconds", "1", AWS_MAX_ATTEMPTS="3"
    )
    testbed.until(lambda: testbed.tasks(job) != [], "a task is submitted")

    for service in services:
        testbed.aws.faults.unavailable(service, 30)
    if not services:
        testbed.aws.faults.refused(30)

    assert testbed.end(job) == SUCCESS
    assert any(
        "Nextflow will be restarted" in line for line in testbed.log(testbed.describe(job)[0])
    )
    assert sum(testbed.record(job)["tasks"].values()) == 60
    assert testbed.alive(job) == []


def test_a_failed_task_fails_the_pipeline_in_its_own_words(testbed: HeadTestbed) -> None:
    job = testbed.submit(
        testbed.put_project(
            "failing",
            """
            process P {
                script: "echo 'no such genome' >&2; exit 7"
            }
            workflow { P() }
            """,
        )
    )

    state, status, line = testbed.end(job)

    assert (state, status) == ("FAILED", 1)
    assert line.startswith("pipeline failed: process P: exit status 7: no such genome (work dir")
    # As `aws batch describe-jobs` shows it.
    tags = testbed.describe(job)[0]["tags"]
    assert tags["nextflow-outcome"] == "FAILED"
    assert tags["nextflow-reason"].startswith(
        "pipeline failed: process P: exit status 7: no such genome work directory: s3://"
    )


def test_two_runs_at_once_share_nothing(testbed: HeadTestbed, naps: str) -> None:
    jobs = [testbed.submit(naps, "--seconds", "3") for _ in range(2)]

    assert {testbed.end(job) for job in jobs} == {SUCCESS}

    first, second = (testbed.record(job) for job in jobs)
    assert first["session"] != second["session"]
    assert first["tasks"] == second["tasks"] == {"completed": 4}
    assert [len(testbed.tasks(job)) for job in jobs] == [4, 4]


def test_a_work_bucket_without_permission_is_named_before_anything_is_submitted(
    testbed: HeadTestbed, naps: str
) -> None:
    testbed.aws.faults.denied("s3", f"/{testbed.bucket}/_nextflow/runs", 600)

    job = testbed.submit(naps)
    state, status, line = testbed.end(job)

    assert (state, status) == ("NO_PERMISSION", 4)
    assert f"no permission to read or write s3://{testbed.bucket}/_nextflow/runs/" in line
    assert testbed.tasks(job) == []


def test_a_queue_without_permission_is_named(testbed: HeadTestbed, naps: str) -> None:
    testbed.aws.faults.denied("batch", "/v1/registerjobdefinition", 600)
    testbed.aws.faults.denied("batch", "/v1/describejobdefinitions", 600)

    job = testbed.submit(naps)
    state, status, line = testbed.end(job)

    assert (state, status) == ("NO_PERMISSION", 4)
    assert "no permission for batch:DescribeJobDefinitions on" in line
    assert testbed.tasks(job) == []


@pytest.mark.parametrize(
    ("command", "variables", "line"),
    [
        (["nobody/nothing", "-offline"], {}, "nobody/nothing"),
        (
            ["NAPS", "-params-file", "s3://BUCKET/bad.json"],
            {},
            "bad.json is not valid JSON, line 1",
        ),
        (["NAPS"], {"NF_RESUME": "0" * 8}, "NF_RESUME='00000000' is not allowed: "),
        (
            ["NAPS"],
            {"NF_WORKDIR": "s3://absent-bucket/x"},
            "the bucket absent-bucket does not exist",
        ),
    ],
)
def test_bad_input_ends_in_one_line_without_a_task(
    testbed: HeadTestbed, naps: str, command: list[str], variables: dict[str, str], line: str
) -> None:
    testbed.s3.put_object(Bucket=testbed.bucket, Key="bad.json", Body=b"{")
    words = [word.replace("NAPS", naps).replace("BUCKET", testbed.bucket) for word in command]

    job = testbed.submit(*words, memory=None, **variables)
    done = testbed.wait(job)

    assert done["container"]["exitCode"] == 2
    assert line in testbed.log(done)[-1]
    assert testbed.tasks(job) == []


def test_every_argument_arrives_byte_for_byte(testbed: HeadTestbed) -> None:
    """2,400 by SubmitJob, 200 at a time, and 2,000 from a file, through the real image."""
    source = random.Random(2026)  # noqa: S311
    # Batch takes no empty one.
    words = ["".join(source.choices(LETTERS, k=source.randrange(1, 12))) for _ in range(4399)]
    testbed.s3.put_object(
        Bucket=testbed.bucket, Key="more.json", Body=json.dumps([*words[2400:], ""])
    )
    parts = [words[start : start + 200] for start in range(0, 2400, 200)]

    with recording(testbed) as definition:
        jobs = [testbed.submit("hello", *part, definition=definition) for part in parts]
        file = f"s3://{testbed.bucket}/more.json"
        jobs.append(testbed.submit("hello", definition=definition, NF_ARGUMENTS=file))
        seen = [testbed.recorded(job) for job in jobs]

    for part, arrived in zip([*parts, [*words[2400:], ""]], seen, strict=True):
        assert arrived[-len(part) - 1 :] == ["hello", *part]
