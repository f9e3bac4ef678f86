"""The identity of a run over the attempts of its job, and the memory it may use."""

import re
import uuid
from pathlib import Path

import pytest

from nextflow_head import invocation, memory
from nextflow_head.environment import Environment
from nextflow_head.session import Session

JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
RUN_NAME = re.compile(r"[a-z](?:[a-z\d]|[-_](?=[a-z\d])){0,79}", re.IGNORECASE)


def environment(job_id: str = JOB, attempt: int = 1) -> Environment:
    return Environment.read(
        {
            "AWS_BATCH_JOB_ID": job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(attempt),
            "AWS_REGION": "us-west-2",
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": "s3://bucket/runs",
            "NF_LOGSDIR": "s3://bucket/logs",
        }
    )


def session(job_id: str = JOB, attempt: int = 1, *, cloud_cache: bool = True) -> Session:
    return Session.of(environment(job_id, attempt), cloud_cache=cloud_cache)


def test_attempts_of_a_job_share_session_work_and_cache_but_neither_name_nor_logs() -> None:
    first, second = session(attempt=1), session(attempt=2)

    assert (first.id, first.work, first.cache) == (second.id, second.work, second.cache)
    assert str(first.work) == f"s3://bucket/runs/run-{JOB}/work"
    assert str(first.cache) == f"s3://bucket/runs/run-{JOB}/cache"
    assert first.run_name == f"run-{JOB}-a1"
    assert second.run_name == f"run-{JOB}-a2"
    assert str(second.logs) == f"s3://bucket/logs/run-{JOB}-a2"


@pytest.mark.parametrize("other", [JOB.replace("0", "1"), f"{JOB}:0", f"{JOB}:1", f"{JOB}#0"])
def test_two_jobs_share_nothing(other: str) -> None:
    ours, theirs = session(), session(other)

    assert ours.id != theirs.id
    assert not str(theirs.work).startswith(f"{ours.work}/")
    assert ours.run_name != theirs.run_name


@pytest.mark.parametrize("job_id", [JOB, f"{JOB}:9999", f"{JOB}#12", "x" * 64, "local"])
def test_nextflow_accepts_the_session_id_and_the_runs_name(job_id: str) -> None:
    assert str(uuid.UUID(session(job_id).id)) == session(job_id).id
    assert RUN_NAME.fullmatch(session(job_id, attempt=99).run_name)


def test_resumes_from_the_cloud_cache_in_every_attempt() -> None:
    this = session(attempt=2)
    variables = invocation.variables({}, environment(), this, Path("/home"), None)

    assert invocation.command(this, Path("log"), ["hello"]) == [
        *("nextflow", "-log", "log", "run", "-name", this.run_name),
        *("-resume", this.id, "hello"),
    ]
    assert variables["NXF_UUID"] == this.id
    assert variables["NXF_CLOUDCACHE_PATH"] == str(this.cache)
    assert variables["NXF_IGNORE_RESUME_HISTORY"] == "true"


def test_without_the_cloud_cache_plugin_asks_for_nothing_that_needs_it() -> None:
    this = session(cloud_cache=False)
    variables = invocation.variables({}, environment(), this, Path("/home"), None)

    assert "-resume" not in invocation.command(this, Path("log"), ["hello"])
    assert variables["NXF_UUID"] == this.id
    assert not {"NXF_CLOUDCACHE_PATH", "NXF_IGNORE_RESUME_HISTORY"} & set(variables)


def test_leaves_a_name_or_session_that_the_user_gives_alone() -> None:
    command = invocation.command(session(), Path("l"), ["hello", "-name", "mine", "-resume", "x"])

    assert command[4:] == ["hello", "-name", "mine", "-resume", "x"]


def test_the_containers_environment_wins_over_the_heads_defaults() -> None:
    given = {"AWS_MAX_ATTEMPTS": "3", "NXF_JVM_ARGS": "-Xmx1g", "OTHER": "kept"}
    variables = invocation.variables(given, environment(), session(), Path("/home"), 512)

    assert variables["AWS_MAX_ATTEMPTS"] == "3"
    assert variables["OTHER"] == "kept"
    assert variables["NXF_JVM_ARGS"] == "-Xmx512m -XX:+ExitOnOutOfMemoryError -Xmx1g"


def test_nextflow_tries_often_enough_to_survive_a_minute_of_refused_connections() -> None:
    variables = invocation.variables({}, environment(), session(), Path("/home"), None)

    assert variables["AWS_MAX_ATTEMPTS"] == "20"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-west-2"


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("sys/fs/cgroup/memory.max", "1073741824\n", 1024),
        ("sys/fs/cgroup/memory.max", "max\n", None),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8589934592\n", 8192),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n", None),
    ],
)
def test_reads_the_memory_limit_of_both_versions_of_control_groups(
    tmp_path: Path, file: str, text: str, limit: int | None
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)

    assert memory.limit(tmp_path) == limit


def test_knows_no_limit_where_the_kernel_tells_none(tmp_path: Path) -> None:
    assert memory.limit(tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "heap", "buffers"), [(512, 128, 80), (1024, 512, 128), (8192, 5888, 400)]
)
def test_heap_and_buffers_follow_the_containers_limit(limit: int, heap: int, buffers: int) -> None:
    assert memory.heap(limit) == heap
    assert memory.download_buffers(heap) == buffers
