"""The identity of a run over the attempts of its job, and the memory it may use."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from nextflow_head import command, memory, nextflow_variables
from nextflow_head.environment import Environment
from nextflow_head.plugin import Plugin
from nextflow_head.session import Session

JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
RUN_NAME = re.compile(r"[a-z](?:[a-z\d]|[-_](?=[a-z\d])){0,79}", re.IGNORECASE)


def environment(
    job_id: str = JOB, attempt: int = 1, more: Mapping[str, str] | None = None
) -> Environment:
    return Environment.read(
        {
            "AWS_BATCH_JOB_ID": job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(attempt),
            "AWS_REGION": "us-west-2",
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": "s3://bucket/runs",
            "NF_LOGSDIR": "s3://bucket/logs",
            **(more or {}),
        }
    )


def session(job_id: str = JOB, attempt: int = 1) -> Session:
    return Session.of(environment(job_id, attempt))


def test_attempts_of_a_job_share_session_work_and_cache_but_neither_name_nor_logs() -> None:
    first, second = session(attempt=1), session(attempt=2)

    assert (first.id, first.work, first.cache) == (second.id, second.work, second.cache)
    assert str(first.work) == f"s3://bucket/runs/run-{JOB}/work"
    assert str(first.cache) == f"s3://bucket/logs/sessions/run-{JOB}/cache"
    assert first.run_name == f"run-{JOB}-a1"
    assert second.run_name == f"run-{JOB}-a2"
    assert str(second.logs) == f"s3://bucket/logs/run-{JOB}/a2"
    assert str(first.record) == str(second.record) == f"s3://bucket/logs/run-{JOB}/run.json"


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


def variables(container: dict[str, str], *installed: Plugin) -> dict[str, str]:
    home = Path("/home")
    plugins = {plugin.name: plugin for plugin in installed}
    return nextflow_variables.of(
        container,
        environment(more=container),
        session(),
        home,
        512,
        plugins=plugins,
        tasks=Path("/tasks.json"),
        task_table=Path("/reports/tasks.tsv"),
    )


def test_nextflow_keeps_and_finds_what_is_done_in_the_sessions_cache() -> None:
    result = variables({}, Plugin("nf-cloudcache", "0.6.0"))

    assert result["NXF_UUID"] == session().id
    assert result["NXF_CLOUDCACHE_PATH"] == str(session().cache)
    assert result["NXF_IGNORE_RESUME_HISTORY"] == "true"


def test_without_the_cloud_cache_plugin_asks_for_nothing_that_needs_it() -> None:
    result = variables({}, Plugin("nf-amazon", "3.9.2"))

    assert result["NXF_UUID"] == session().id
    assert not {"NXF_CLOUDCACHE_PATH", "NXF_IGNORE_RESUME_HISTORY"} & set(result)


def test_each_run_has_the_heads_plugins_in_the_images_versions() -> None:
    brought = [
        Plugin("nf-tower", "1.28.2"),
        Plugin("nf-head", "1.0.0"),
        Plugin("nf-amazon", "3.9.2"),
    ]

    assert variables({}, *brought)["NXF_PLUGINS_DEFAULT"] == "nf-amazon@3.9.2,nf-head@1.0.0"
    assert "NXF_PLUGINS_DEFAULT" not in variables({})


def test_a_run_that_resumes_has_the_others_session_and_its_own_name_and_logs() -> None:
    other = session("other")
    this = session().resuming(other.id, other.folder, environment())

    assert (this.id, this.work, this.cache, this.lock) == (
        *(other.id, other.work, other.cache, other.lock),
    )
    assert (this.run_name, this.logs, this.record) == (
        *(session().run_name, session().logs, session().record),
    )


def test_leaves_a_name_that_the_user_gives_alone() -> None:
    assert command.argv(["hello", "-name", "mine"], session(), Path("l"), resume=False) == [
        *("nextflow", "-log", "l", "run", "hello", "-name", "mine"),
    ]
    assert command.argv(["hello"], session(), Path("l"), resume=False)[4:6] == [
        *("-name", f"run-{JOB}-a1"),
    ]


def test_the_containers_environment_wins_over_the_heads_defaults() -> None:
    result = variables({"NXF_OPTS": "-Xms1g", "NXF_JVM_ARGS": "-Xmx1g", "OTHER": "kept"})

    assert result["NXF_OPTS"] == "-Xms1g"
    assert result["OTHER"] == "kept"
    assert result["NXF_JVM_ARGS"] == "-Xmx512m -XX:+ExitOnOutOfMemoryError -Xmx1g"


def test_nextflow_gets_both_names_of_the_region() -> None:
    assert variables({})["AWS_REGION"] == variables({})["AWS_DEFAULT_REGION"] == "us-west-2"


def test_git_credentials_go_into_a_file_that_only_nextflow_reads(tmp_path: Path) -> None:
    container = {"NF_SCM": "providers { github { password = 'hush' } }"}

    nextflow_variables.write_git_credentials(environment(more=container), tmp_path)

    assert "NF_SCM" not in variables(container)
    assert (tmp_path / "scm").read_text() == container["NF_SCM"]
    assert (tmp_path / "scm").stat().st_mode & 0o777 == 0o600


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
    ("limit", "heap", "buffers"),
    [(512, 128, 80), (1024, 512, 128), (7168, 5120, 400), (8192, 5888, 400)],
)
def test_heap_and_buffers_follow_the_containers_limit(limit: int, heap: int, buffers: int) -> None:
    assert memory.heap(limit) == heap
    assert memory.download_buffers(heap) == buffers


@pytest.mark.parametrize(
    ("file", "text", "kills"),
    [
        ("sys/fs/cgroup/memory.events", "low 0\noom 1\noom_kill 2\n", 2),
        ("sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\noom_kill 1\n", 1),
        ("sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\n", 0),
    ],
)
def test_counts_what_the_kernel_killed_for_want_of_memory(
    tmp_path: Path, file: str, text: str, kills: int
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)

    assert memory.kills(tmp_path) == kills
