"""The head with a real Nextflow: its core, which runs tasks as local processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws.rehearsal import core

ROOT = Path(__file__).parents[1]
JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
RUN = f"run-{JOB}-a1"

PIPELINE = """
params.who = 'script'
params.seconds = 0
params.fail = 0

process GREET {
    output: stdout
    script: "sleep ${params.seconds}; echo done; exit ${params.fail}"
}

workflow {
    println "who: ${params.who}"
    println "region: ${workflow.session.config.aws.region}"
    println "spot: ${workflow.session.config.aws.batch.maxSpotAttempts}"
    println "queue: ${workflow.session.config.process.queue}"
    println "cpus: ${workflow.session.config.process.cpus}"
    println "labels: ${workflow.session.config.process.resourceLabels}"
    println "session: ${workflow.sessionId}"
    println "name: ${workflow.runName}"
    if( params.who == 'nobody' ) error "nobody to greet"
    GREET | view
}
"""

# The pipeline's own configuration: says where tasks run, and something that the user overrides.
PIPELINE_CONFIG = """
process.executor = 'local'
process.queue = 'of the pipeline'
process.cpus = 1
executor.pollInterval = '100ms'
params.who = 'config'
"""


@pytest.fixture(scope="module")
def nextflow() -> Path:
    try:
        return core.fetch(ROOT / "build" / "rehearsal")
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket="core")
    yield client
    server.stop()


@pytest.fixture
def environment(nextflow: Path, s3: Any, tmp_path: Path) -> dict[str, str]:
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.nf").write_text(PIPELINE)
    (project / "nextflow.config").write_text(PIPELINE_CONFIG)
    return {
        "PATH": f"{nextflow / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "docker" / "nextflow"),
        # These tests compare outcomes, not speed: a JVM that compiles little starts sooner.
        "NXF_JVM_ARGS": "-XX:TieredStopAtLevel=1",
        "NXF_OFFLINE": "true",
        # The pinned version's own.
        "NXF_SYNTAX_PARSER": "v2",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": s3.meta.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_BATCH_JOB_ID": JOB,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "NF_JOB_QUEUE": "ours",
        "NF_WORKDIR": "s3://core/runs",
        "NF_LOGSDIR": f"s3://core/{tmp_path.name}",
    }


def start(
    environment: dict[str, str], folder: Path, *arguments: str, project: bool = True
) -> "subprocess.Popen[str]":
    # Without its cloud plugins this core knows no s3://, so the work directory is local.
    named = [str(folder / "project")] if project else []
    return subprocess.Popen(
        [sys.executable, "-m", "nextflow_head", *named, "-w", "work", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stored_files(s3: Any, folder: Path) -> dict[str, int]:
    prefix = f"{folder.name}/run-{JOB}/a1/"
    found = s3.list_objects_v2(Bucket="core", Prefix=prefix).get("Contents", [])
    return {item["Key"].removeprefix(prefix): item["Size"] for item in found}


def test_everything_that_the_user_says_wins_over_the_heads_configuration(
    environment: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine.config").write_text("process.queue = 'of the user'; process.cpus = 2")
    (tmp_path / "params.json").write_text('{"who": "file"}')

    with start(
        *(environment, tmp_path, "-c", "mine.config", "-params-file", "params.json"),
        *("-process.cpus=1", "--who", 'it\'s "me" $HOME; *'),
    ) as process:
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 0, output + errors
    values = dict(line.split(": ", 1) for line in output.splitlines() if ": " in line)
    assert values["region"] == "us-east-1", "what nobody overrides is the head's"
    assert values["spot"] == "5"
    assert values["queue"] == "of the user", "-c wins over the pipeline's and the head's"
    assert values["cpus"] == "1", "the command line wins over -c"
    assert values["who"] == 'it\'s "me" $HOME; *', "a --param wins over the params file"
    assert values["session"] in errors
    assert values["name"] == RUN
    assert f"nextflow-run:{RUN}" in values["labels"]
    reports = stored_files(s3, tmp_path)
    assert set(reports) == {
        *(".nextflow.log", "nextflow.config"),
        *("report.html", "timeline.html", "trace.txt", "dag.html"),
    }
    assert min(reports.values()) > 0


def test_a_failed_pipeline_ends_with_nextflows_status_and_its_log(
    environment: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    (tmp_path / "params.yml").write_text("who: nobody")

    with start(environment, tmp_path, "-params-file", "params.yml") as process:
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "who: nobody" in output, "a params file wins over the pipeline's configuration"
    assert "queue: of the pipeline" in output, "the pipeline's configuration wins over the head's"
    assert "nobody to greet" in output + errors
    assert errors.splitlines()[-1].startswith("nextflow-head: pipeline failed: nobody to greet")
    assert ".nextflow.log" in stored_files(s3, tmp_path)


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """A container ends with all of its processes; here a task that was killed may leave some."""
    yield
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(tmp_path):
                os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.usefixtures("nothing_left")
def test_sigterm_cancels_the_tasks_and_keeps_the_reports(
    environment: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    with start(environment, tmp_path, "--seconds", "3600") as process:
        begun = tmp_path / "work"
        deadline = time.monotonic() + 200
        while not list(begun.glob("*/*/.command.begin")):
            assert time.monotonic() < deadline, "no task began"
            time.sleep(0.05)
        process.terminate()
        stopped = time.monotonic()
        time.sleep(0.2)
        process.terminate()
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - stopped < 20
    assert "Killing running tasks (1)" in output + errors
    assert f"sent {signal.SIGTERM.name} to Nextflow" in errors
    assert {".nextflow.log", "report.html", "timeline.html", "trace.txt"} <= set(
        stored_files(s3, tmp_path)
    )


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (
            ["nobody/nothing"],
            2,
            "the project nobody/nothing is not in the container, and cannot be downloaded because ",
        ),
        (["PROJECT", "-params-file", "b.json"], 2, "the params file b.json is not valid JSON, l"),
        (["PROJECT", "-zzz"], 2, "Unknown option: -zzz: `nextflow run` has no such option"),
        (
            ["PROJECT", "--fail", "7"],
            1,
            "pipeline failed: process GREET: exit status 7: done (work d",
        ),
    ],
)
def test_its_own_words_tell_bad_input_from_a_failed_pipeline(
    environment: dict[str, str], tmp_path: Path, arguments: list[str], status: int, line: str
) -> None:
    (tmp_path / "b.json").write_text("{")
    arguments = [str(tmp_path / "project") if word == "PROJECT" else word for word in arguments]

    with start(environment, tmp_path, *arguments, project=False) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == status, errors
    assert errors.splitlines()[-1].startswith(f"nextflow-head: {line}")
    assert "Traceback" not in errors


def test_a_git_repository_runs_at_the_revision_that_was_asked_for(
    environment: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    repository = tmp_path / "project"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "1"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    (repository / "main.nf").write_text("error 'too new'")
    subprocess.run([*git, "commit", "-qam", "2"], check=True)

    arguments = [f"file:{repository}", "-r", "v1"]
    allowed = {**environment, "NXF_OFFLINE": "false"}
    with start(allowed, tmp_path, *arguments, project=False) as process:
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 0, output + errors
    record = json.loads(
        s3.get_object(Bucket="core", Key=f"{tmp_path.name}/run-{JOB}/run.json")["Body"].read()
    )
    assert record["revision"].endswith(" [v1]")


CONFIGURED = """
workflow { println "a=${params.a} b=${params.b} x=${params.x}" }
"""


@pytest.mark.parametrize("form", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_of_files_in_any_encoding_and_another_script_are_read(
    environment: dict[str, str], s3: Any, tmp_path: Path, form: str
) -> None:
    place = f"{tmp_path.name} project"
    for key, text in {
        f"{place}/build.nf": CONFIGURED,
        f"{place}/main.nf": "error 'the wrong script'",
        f"{tmp_path.name}/a.config": "params.a=1; process.executor='local'",
        f"{tmp_path.name}/b.config": "params.b='2 GB' // Zürich",
        f"{tmp_path.name}/my params.json": '{"x": "Zürich"}',
    }.items():
        encoding = "utf-8" if key.endswith(".nf") else form
        s3.put_object(Bucket="core", Key=key, Body=text.encode(encoding))
    folder = f"s3://core/{tmp_path.name}"
    arguments = ["-c", f"{folder}/a.config,{folder}/b.config", "-main-script", "build.nf"]
    arguments += [f"s3://core/{place}", "-params-file", f"{folder}/my params.json"]

    with start(environment, tmp_path, *arguments, project=False) as process:
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 0, output + errors
    assert "a=1 b=2 GB x=Zürich" in output


READER = """
process READ {
    input:
    path table
    path folder

    output:
    stdout

    script:
    "cat $table $folder/*; tool.sh"
}

workflow { READ("$projectDir/table.csv", "$projectDir/folder").view() }
"""


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_tasks_that_read_files_of_a_project_in_s3_are_done_for_the_next_attempt(
    environment: dict[str, str], s3: Any, tmp_path: Path, form: str
) -> None:
    files = {
        "main.nf": READER,
        "nextflow.config": PIPELINE_CONFIG,
        "table.csv": "a,b\n",
        "folder/more.csv": "c,d\n",
        "bin/tool.sh": "#!/bin/sh\necho tool\n",
    }
    place = f"{tmp_path.name}-project"
    if form == "zip":
        place += ".zip"
        archive = tmp_path / "project.zip"
        with zipfile.ZipFile(archive, "w") as content:
            for name, text in files.items():
                content.writestr(f"mine-1.0/{name}", text)
        s3.put_object(Bucket="core", Key=place, Body=archive.read_bytes())
    else:
        for name, text in files.items():
            s3.put_object(Bucket="core", Key=f"{place}/{name}", Body=text.encode())
    status = {}
    for attempt in ("1", "2"):
        changes = {"AWS_BATCH_JOB_ATTEMPT": attempt, "NXF_IGNORE_RESUME_HISTORY": "true"}
        session = str(uuid.uuid5(uuid.NAMESPACE_URL, f"aws-batch-job:{JOB}"))
        arguments = [f"s3://core/{place}", "-resume", session]
        with start(environment | changes, tmp_path, *arguments, project=False) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, output + errors
        assert "tool" in output
        trace = next(tmp_path.glob(f".nextflow-head/*/uploads/a{attempt}/trace.txt")).read_text()
        status[attempt] = [line.split("\t")[4] for line in trace.splitlines()[1:]]
        shutil.rmtree(tmp_path / ".nextflow-head")
        # What is brought again at another moment.
        time.sleep(1.1)

    assert status == {"1": ["COMPLETED"], "2": ["CACHED"]}
