"""`nfbatch list`, `status`, `logs`, `cancel` and `resume`, on runs of real heads."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from nfbatch import log_stream, tasks
from nfbatch.error import Kind
from nfbatch.tasks import Task
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.nf").write_text("workflow {}\n")
    return tmp_path


def launch(lab: DeploymentTestbed, name: str, *words: str) -> str:
    """Launch a run and return its id."""
    (made,) = lab.nfbatch("launch", "--json", "--name", name, *words).json["runs"]
    return str(made["id"])


def ended(lab: DeploymentTestbed, name: str, *words: str) -> str:
    """Launch a run, wait for its end, and return its id."""
    job = launch(lab, name, *words)
    lab.testbed.wait(job)
    return job


@pytest.fixture(scope="module")
def hello(lab: DeploymentTestbed) -> str:
    return ended(lab, "greetings", "hello")


@pytest.fixture
def paused(lab: DeploymentTestbed, project: Path) -> Iterator[str]:
    """A run whose Nextflow waits, after the head has written its run.json."""
    (project / "pause").touch()
    job = launch(lab, f"paused-{uuid.uuid4().hex[:6]}", str(project))
    lab.testbed.wait(job, "RUNNING")
    deadline = time.monotonic() + 200
    while not any(job in key for key in lab.keys("logs")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield job
    lab.testbed.batch.terminate_job(jobId=job, reason="the test is over")


def submit_task(lab: DeploymentTestbed, run: str, name: str, script: str = "sleep 600") -> str:
    """A task of a run, as Nextflow would submit it."""
    folder = f"{lab.document_uri('runs')}/run-{run}/work/ab/{uuid.uuid4().hex[:30]}"
    command = ["sh", "-c", f"{script} # {folder}/.command.run"]
    definition = lab.testbed.definition(command)
    return lab.testbed.submit(jobName=name, jobQueue=lab.queues[1], jobDefinition=definition)


def put_trace(lab: DeploymentTestbed, run: str, rows: list[tuple[str, ...]]) -> None:
    """The trace of a run's first attempt."""
    columns = "task_id hash native_id name status exit submit duration"
    lines = ["\t".join(columns.split()), *("\t".join(row) for row in rows)]
    lab.s3.put_object(
        Bucket=lab.bucket,
        Key=f"_nextflow/logs/run-{run}/a1/trace.txt",
        Body="\n".join(lines).encode(),
    )


def test_a_run_is_named_by_id_name_beginning_or_dash(lab: DeploymentTestbed, hello: str) -> None:
    for name in (hello, hello[:13], "greetings", "greet", "GREET", "-"):
        assert lab.nfbatch("status", "--json", name).json["id"] == hello, name


def test_an_unknown_or_ambiguous_name_is_one_line(lab: DeploymentTestbed, hello: str) -> None:
    first = launch(lab, "twin", "s3://nowhere/at-all")
    second = launch(lab, "twin", "s3://nowhere/at-all")
    launch(lab, "twin-2", "s3://nowhere/at-all")
    unknown = lab.nfbatch("status", "nobody")
    twins = lab.nfbatch("status", "twin")
    beginning = lab.nfbatch("cancel", "tw")
    gone = lab.nfbatch("status", str(uuid.uuid4()))

    assert (unknown.status, gone.status) == (Kind.NOT_FOUND, Kind.NOT_FOUND)
    assert unknown.err == (
        "nfbatch: Batch knows no run 'nobody' of lab: `nfbatch list --all` shows those of about"
        f" seven days, and {lab.document_uri('logs')} has the logs of older ones\n"
    )
    assert twins.err == (
        "nfbatch: 'twin' is the name of several runs: choose one of"
        f" twin ({second[:8]}), twin ({first[:8]})\n"
    )
    assert (beginning.status, beginning.err.count("twin")) == (Kind.NOT_FOUND, 3)
    assert lab.nfbatch("status", "--json", "twin-2").status == 0


def test_a_task_is_no_run(lab: DeploymentTestbed, hello: str) -> None:
    task = submit_task(lab, hello, "greetings-too", "true")

    assert lab.nfbatch("status", task).status == Kind.NOT_FOUND
    assert lab.nfbatch("status", "--json", "greetings").json["id"] == hello


def test_list_shows_the_newest_first(lab: DeploymentTestbed, hello: str) -> None:
    newer = ended(lab, "newer", "s3://nowhere/at-all")
    runs = lab.nfbatch("list", "--json", "--all").json["runs"]

    assert runs[0]["id"] == newer
    assert [run["created"] for run in runs] == sorted(
        (run["created"] for run in runs), reverse=True
    )
    assert {run["id"] for run in runs} == set(lab.heads())
    one = lab.nfbatch("list", "--json", "-n", "1").json["runs"]
    assert [run["id"] for run in one] == [newer]
    assert (runs[0]["state"], runs[0]["exit"]) == ("BAD_INPUT", 2)
    assert "nowhere" in runs[0]["reason"]


def test_a_list_for_programs_has_tabs_and_whole_values(lab: DeploymentTestbed, hello: str) -> None:
    header, *lines = lab.nfbatch("list", "--all").out.splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    (row,) = [row for row in rows if row["ID"] == hello[:8]]

    assert (row["RUN"], row["STATE"], row["COMMAND"]) == ("greetings", "SUCCEEDED", "hello")


def test_the_status_of_a_run_that_succeeded(lab: DeploymentTestbed, hello: str) -> None:
    found = lab.nfbatch("status", "--json", hello).json
    text = lab.nfbatch("status", hello).out

    assert (found["state"], found["exit"], found["project"]) == ("SUCCEEDED", 0, "hello")
    assert found["logs"] == f"{lab.document_uri('logs')}/run-{hello}"
    assert found["attempts"][0]["state"] == "SUCCEEDED"
    assert "State       SUCCEEDED\n" in text
    assert f"Logs        {found['logs']}\n" in text


def test_the_status_of_a_run_that_failed_has_its_reason(lab: DeploymentTestbed) -> None:
    job = ended(lab, "wrong", "s3://nowhere/at-all")
    found = lab.nfbatch("status", "--json", job).json

    assert (found["state"], found["batch_status"], found["exit"]) == ("BAD_INPUT", "FAILED", 2)
    assert f"Reason      {found['reason']}\n" in lab.nfbatch("status", job).out


def test_the_tasks_of_a_run_are_counted_by_state_and_process(
    lab: DeploymentTestbed, paused: str, hello: str
) -> None:
    own = [submit_task(lab, paused, f"ALIGN_{number}") for number in (1, 2)]
    other = submit_task(lab, hello, "ALIGN_3")
    for job in (*own, other):
        lab.testbed.wait(job, "RUNNING")
    key = f"_nextflow/logs/run-{paused}/run.json"
    record = json.loads(lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read())
    record["tasks"] = {"completed": 7, "failed": 1, "cached": 0}
    record["processes"] = {"ALIGN": {"completed": 7, "failed": 1, "cached": 0}}
    lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=json.dumps(record).encode())
    found = lab.nfbatch("status", "--json", paused).json
    text = lab.nfbatch("status", paused).out
    for job in (*own, other):
        lab.testbed.batch.terminate_job(jobId=job, reason="the test is over")

    assert found["state"] == "RUNNING"
    assert found["tasks"] == {"RUNNING": 2, "COMPLETED": 7, "FAILED": 1}
    assert "Tasks       2 running, 7 completed, 1 failed\n" in text
    assert "  ALIGN     7 completed, 1 failed\n" in text


def test_a_run_json_that_cannot_be_read_is_left_out(lab: DeploymentTestbed, hello: str) -> None:
    key = f"_nextflow/logs/run-{hello}/run.json"
    before = lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read()
    for text in (b"{", b"[]", b'{"format": 99}'):
        lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=text)
        assert lab.nfbatch("status", "--json", hello).json["tasks"] == {}
    lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=before)


def test_the_log_of_a_run_has_all_pages(lab: DeploymentTestbed, project: Path) -> None:
    words = [word for number in range(1500) for word in ("--p", f"value-{number}")]
    job = ended(lab, "chatty", str(project), *words)
    lines = lab.nfbatch("logs", job).out.splitlines()

    assert [line for line in lines if line.startswith("argument: value-")] == [
        f"argument: value-{number}" for number in range(1500)
    ]
    assert lab.nfbatch("logs", "--json", job).json["lines"] == lines


def test_following_a_run_ends_with_it(lab: DeploymentTestbed, project: Path) -> None:
    job = launch(lab, "short", str(project))
    answer = lab.nfbatch("logs", "--follow", job)

    assert answer.status == 0
    assert answer.out.splitlines()[-1] == "nextflow-head: the pipeline succeeded"
    assert answer.out.splitlines() == lab.log(job)


def test_a_run_that_is_no_longer_followed_goes_on(
    lab: DeploymentTestbed, paused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(log_stream, "_pause", interrupted)
        answer = lab.nfbatch("logs", "-f", paused)

    assert answer.status == Kind.INTERRUPTED
    assert answer.err.splitlines()[-1] == (
        f"nfbatch: the run goes on: `nfbatch logs -f {paused[:8]}` follows it again"
    )
    assert lab.testbed.describe(paused)["status"] == "RUNNING"


def test_failed_tasks_are_shown_with_script_errors_and_status(
    lab: DeploymentTestbed, hello: str
) -> None:
    folder = f"_nextflow/runs/run-{hello}/work/cd/024a594cb829a530031bd79736e525"
    files = {".command.sh": "samtools sort x.bam\n", ".command.err": "no space left\n"}
    files |= {".command.log": "sorting\nno space left\n", ".exitcode": "1"}
    for name, text in files.items():
        lab.s3.put_object(Bucket=lab.bucket, Key=f"{folder}/{name}", Body=text.encode())
    put_trace(
        lab,
        hello,
        [
            ("1", "ab/024a59", "j1", "ALIGN (1)", "COMPLETED", "0", "-", "1s"),
            ("2", "cd/024a59", "j2", "SORT (1)", "FAILED", "1", "-", "2s"),
            ("3", "ef/024a59", "j3", "SORT (2)", "FAILED", "137", "-", "2s"),
        ],
    )
    text = lab.nfbatch("logs", hello, "--failed").out
    first, second = lab.nfbatch("logs", "--failed", "--json", hello).json["tasks"]
    one = lab.nfbatch("logs", hello, "SORT (1)").out

    assert text.startswith(
        f"==> SORT (1): FAILED, exit status 1, job j2\nwork directory: s3://{lab.bucket}/{folder}\n"
        "--- script\nsamtools sort x.bam\n--- errors\nno space left\n"
    )
    assert "==> SORT (2): FAILED, exit status 137" in text
    assert "its work directory does not exist any more" in text
    assert (first["files"]["exit"], second["files"]) == ("1", None)
    assert "--- output\nsorting\nno space left\n" in one


def test_the_log_of_a_task_that_runs(lab: DeploymentTestbed, paused: str) -> None:
    task = submit_task(lab, paused, "ALIGN_sample_7", "echo aligning; sleep 600")
    deadline = time.monotonic() + 200
    while lab.nfbatch("logs", paused, "ALIGN (sample 7)").out != "aligning\n":
        assert time.monotonic() < deadline
    lab.testbed.batch.terminate_job(jobId=task, reason="the test is over")


def test_a_task_that_is_not_there_is_one_line(lab: DeploymentTestbed, hello: str) -> None:
    answer = lab.nfbatch("logs", hello, "NOPE")

    assert (answer.status, answer.err) == (
        Kind.NOT_FOUND,
        "nfbatch: greetings has no task 'NOPE': its log names those that were submitted\n",
    )


def test_whole_names_of_tasks_are_preferred() -> None:
    def task(name: str) -> Task:
        return Task(name, "COMPLETED", "0", f"job-{name}", f"ab/{name}", "1s")

    found = [task("ALIGN (1)"), task("ALIGN (12)"), task("SORT (1)")]
    jobs: list[dict[str, Any]] = [
        {"jobName": "ALIGN_1", "jobId": "a"},
        {"jobName": "ALIGN_12", "jobId": "b"},
    ]

    assert tasks.matching(found, "ALIGN (1)") == found[:1]
    assert tasks.matching(found, "ALIGN") == found[:2]
    assert tasks.matching(found, "ab/SORT") == found[2:]
    assert tasks.matching_jobs(jobs, "ALIGN (1)") == jobs[:1]
    assert tasks.matching_jobs(jobs, "b") == jobs[1:]
    assert tasks.matching_jobs(jobs, "()") == []


def test_cancel_stops_the_head_and_what_it_left(lab: DeploymentTestbed, paused: str) -> None:
    own, other = submit_task(lab, paused, "ALIGN_1"), submit_task(lab, str(uuid.uuid4()), "X")
    lab.testbed.wait(own, "RUNNING")
    answer = lab.nfbatch("cancel", paused)

    assert answer.status == 0
    assert answer.out.endswith(" is CANCELLED, and none of its tasks is left\n")
    assert lab.testbed.describe(paused)["status"] == "FAILED"
    assert lab.testbed.wait(own)["status"] == "FAILED"
    assert lab.testbed.describe(other)["status"] not in ("SUCCEEDED", "FAILED")
    lab.testbed.batch.terminate_job(jobId=other, reason="the test is over")


def test_cancel_stops_tasks_of_a_head_that_has_ended(lab: DeploymentTestbed, hello: str) -> None:
    orphan = submit_task(lab, hello, "ORPHAN")
    answer = lab.nfbatch("cancel", "--json", hello)

    assert answer.json["tasks_stopped"] == 1
    assert answer.err.startswith("greetings has ended already, as SUCCEEDED\n")
    assert lab.testbed.wait(orphan)["statusReason"] == "cancelled by nfbatch"
    assert lab.nfbatch("cancel", "--json", hello).json["tasks_stopped"] == 0


def test_resume_launches_the_same_in_the_same_session(
    lab: DeploymentTestbed, project: Path
) -> None:
    words = ["--label", "study=7", "--head-memory", "700", str(project), "--empty", "", "--x", "1"]
    job = ended(lab, "trial", *words)
    (made,) = lab.nfbatch("resume", "--json", job).json["runs"]
    again = lab.testbed.wait(made["id"])
    first, second = lab.log(job), lab.log(made["id"])
    record = lab.nfbatch("status", "--json", made["id"]).json

    def passed(lines: list[str]) -> list[str]:
        words = [line for line in lines if line.startswith("argument: ")]
        # Each container has a folder of its own here.
        return [word for word in words if "/.nextflow-head/" not in word and "-name" not in word][
            3:
        ]

    assert made["name"] == "trial-resumed"
    assert again["tags"]["study"] == "7"
    assert {"type": "MEMORY", "value": "700"} in again["container"]["resourceRequirements"]
    assert record["session"] == lab.nfbatch("status", "--json", job).json["session"]
    assert passed(second) == passed(first)
    (third,) = lab.nfbatch("resume", "--json", made["id"]).json["runs"]
    assert third["name"] == "trial-resumed-2"


def test_what_cannot_be_resumed_is_one_line(lab: DeploymentTestbed, paused: str) -> None:
    running = lab.nfbatch("resume", paused)
    changed = lab.nfbatch("launch", "--resume", paused, "hello")
    bad = ended(lab, "typo", "s3://nowhere/at-all", "-C", "x")
    never = lab.nfbatch("resume", bad)

    assert "has not ended, and one run at a time can use a session: stop it with" in running.err
    assert "has not ended, and one run at a time can use a session" in changed.err
    assert never.err == "nfbatch: typo has not started, so there is nothing to resume\n"
    assert {running.status, changed.status, never.status} == {Kind.BAD_INPUT}
