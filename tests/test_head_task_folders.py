"""The head runs nothing that a task could have written: attacks through each address it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_head import resumption
from nextflow_head.command import Command
from nextflow_head.environment import Environment
from nextflow_head.input_error import InputError
from nextflow_head.task_folders import TaskFolders
from tests.support.batch import process_testbed
from tests.support.run_bucket import environment as variables_of_run
from tests.support.run_bucket import make_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.batch import Testbed

GOOD = {
    "AWS_BATCH_JOB_ID": "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
    "AWS_REGION": "us-west-2",
    "NF_JOB_QUEUE": "default",
    "NF_WORKDIR": "s3://bucket/_nextflow/runs",
    "NF_LOGSDIR": "s3://bucket/_nextflow/logs",
    "NF_STORE_DIRS": "s3://bucket/store,s3://bucket/indices/star",
}
ENVIRONMENT = Environment.read(GOOD)
FOLDERS = TaskFolders.of(ENVIRONMENT)
#: A work directory of another run, each way that something reads it as one, and a `storeDir`.
WRITTEN_BY_TASKS = (
    "s3://bucket/_nextflow/runs/run-a/work/ab/cd",
    "s3://bucket/_nextflow/runs",
    "s3://bucket/_nextflow//runs/run-a/work/x",
    "s3://bucket/_nextflow/./runs/x",
    "s3://bucket/elsewhere/../_nextflow/runs/x",
    "s3:///bucket/_nextflow/runs/x",
    "S3://bucket/_nextflow/runs/x",
    "s3://bucket/store/x",
    "s3://bucket/indices/star",
)


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        yield bed


def refusal(*words: str, **variables: str) -> str:
    """What the head says to a command; empty if it would run it."""
    environment = Environment.read(GOOD | variables)
    try:
        folders = TaskFolders.of(environment)
        folders.check_variables(variables)
        Command.of(words, environment, folders, None)
    except InputError as error:
        (line,) = error.lines
        return line
    return ""


@pytest.mark.parametrize("address", WRITTEN_BY_TASKS)
@pytest.mark.parametrize(
    "words",
    [
        ("{}",),
        ("{}/p.zip",),
        ("hello", "-c", "{}/x.config"),
        ("hello", "-config", "{}/x.config"),
        ("hello", "-c", "my.config,{}/x.config"),
        ("hello", "-params-file", "{}/x.yml"),
        ("hello", "-lib", "{}/lib"),
        ("hello", "-with-cloudcache", "{}"),
        ("hello", "--custom_config_base", "{}"),
        (
            "hello",
            "--custom_config_base={}",
        ),
    ],
    ids=" ".join,
)
def test_an_argument_that_a_task_could_have_written_is_refused(
    words: tuple[str, ...], address: str
) -> None:
    line = refusal(*(word.format(address) for word in words))

    assert "where tasks can write; the head runs only what no task could have written" in line


@pytest.mark.parametrize("address", WRITTEN_BY_TASKS[:2])
@pytest.mark.parametrize("variable", ["NF_ARGUMENTS", "NXF_PARAMS_FILE", "NXF_SCM_FILE"])
def test_a_variable_that_a_task_could_have_written_is_refused(variable: str, address: str) -> None:
    name = f"{address}/x.json"

    assert refusal("hello", **{variable: name}) == (
        f"{variable}={name} is not allowed: it is in s3://bucket/_nextflow/runs, where tasks can"
        " write; the head runs only what no task could have written: copy it to another folder"
    )


@pytest.mark.parametrize("address", ["s3://bucket", "s3://bucket/_nextflow", "s3://bucket/indices"])
def test_a_project_that_holds_a_folder_of_tasks_is_refused(address: str) -> None:
    assert f"the project {address} is not allowed: it contains s3://bucket/" in refusal(address)


@pytest.mark.parametrize(
    "logs", ["s3://bucket/_nextflow/runs/logs", "s3://bucket/store", "s3://bucket/_nextflow"]
)
def test_run_json_caches_and_locks_are_never_where_tasks_write(logs: str) -> None:
    assert f"NF_LOGSDIR={logs} is not allowed: it " in refusal("hello", NF_LOGSDIR=logs)


def test_a_configuration_that_parameters_in_a_file_name_is_refused(
    testbed: Testbed, tmp_path: Path
) -> None:
    """nf-core's pipelines include the configuration in this folder."""
    s3 = make_bucket(testbed)
    environment = variables_of_run(s3.name)
    folders = TaskFolders.of(environment)
    base = f"s3://{s3.name}/runs/run-a/work/ab/cd"
    for name, content in {
        "a.json": json.dumps({"custom_config_base": base}),
        "b.yml": f"custom_config_base: '{base}'\n",
    }.items():
        s3.put_object(Bucket=s3.name, Key=name, Body=content.encode())
        file = f"s3://{s3.name}/{name}"
        command = Command.of(["hello", "-params-file", file], environment, folders, s3)

        with pytest.raises(InputError) as refused:
            command.stage(tmp_path / name, tmp_path / "p", folders=folders, s3=s3, say=print)

        assert f"custom_config_base {base} in {file} is not allowed" in str(refused.value)


@pytest.mark.parametrize(
    "words",
    [
        ("hello", "--input", "s3://bucket/_nextflow/runs/run-a/work/ab/cd/sheet.csv"),
        ("hello", "--outdir", "s3://bucket/_nextflow/runs"),
        ("hello", "-with-report", "s3://bucket/store/report.html"),
        ("s3://bucket/_nextflow/runs-of-others",),
        ("s3://other/_nextflow/runs/p",),
        ("s3://bucket/projects/rnaseq", "-c", "s3://bucket/store-keeper/x.config"),
        ("hello", "-r", "runs", "-profile", "store"),
        ("hello", "--custom_config_base", "s3://bucket/configs"),
    ],
    ids=" ".join,
)
def test_data_and_what_only_heads_write_are_allowed(words: tuple[str, ...]) -> None:
    assert refusal(*words) == ""


@pytest.mark.parametrize("option", ["-w", "-work-dir", "-bucket-dir"])
@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/work",
        "s3://other/_nextflow/runs/mine/work",
        "s3://bucket/_nextflow/runs",
        "s3://bucket/_nextflow/runs/work",
        "s3://bucket/_nextflow/runs/mine",
        "s3://bucket/store",
    ],
)
def test_work_where_no_task_may_write_is_refused_before_the_run(option: str, address: str) -> None:
    assert refusal("hello", option, address) == (
        f"{option} {address} is not allowed: tasks can write only below"
        f" s3://bucket/_nextflow/runs/NAME/work; leave {option} out, or choose such a folder"
    )


@pytest.mark.parametrize(
    "address",
    ["s3://bucket/_nextflow/runs/mine/work", "s3://bucket/_nextflow/runs/a/work/b", "work"],
)
def test_work_may_be_below_that_of_the_deployment(address: str) -> None:
    assert refusal("hello", "-work-dir", address) == ""


@pytest.mark.parametrize("folder", ["runs/run-a", "runs/run-a/work/x/sessions/y", "elsewhere"])
def test_a_session_that_is_not_among_the_others_is_not_resumed(
    testbed: Testbed, folder: str
) -> None:
    """A run.json that names another folder would let Nextflow read a cache from there."""
    s3: Any = make_bucket(testbed)
    other = "5b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
    content = {"session": {"id": other, "folder": f"s3://{s3.name}/{folder}"}}
    s3.put_object(
        Bucket=s3.name, Key=f"logs/run-{other}/run.json", Body=json.dumps(content).encode()
    )

    with pytest.raises(InputError) as refused:
        resumption.session(variables_of_run(s3.name, NF_RESUME=other), s3, cloud_cache=True)

    assert str(refused.value) == (
        f"NF_RESUME={other} is not allowed: the session of that job is in s3://{s3.name}/{folder},"
        f" not in s3://{s3.name}/logs/sessions; submit the job without NF_RESUME"
    )
