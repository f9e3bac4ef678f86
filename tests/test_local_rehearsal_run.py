"""`nextflow run hello` of the rehearsal, with its tasks as processes behind the local AWS."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws import worker_root
from local_aws.batch.process_runner import ProcessRunner
from local_aws.rehearsal import core, distribution
from tests.support.batch import KEYS, REGION, Testbed, batch_testbed

GREETINGS = ["Bonjour world!", "Ciao world!", "Hello world!", "Hola world!"]
BUCKET = "rehearsal"


class Cloud:
    """A queue and a bucket, and what a head is told of them."""

    def __init__(self, testbed: Testbed, directory: Path) -> None:
        self.testbed = testbed
        self.directory = directory
        self.queue = testbed.queue()
        self.s3: Any = testbed.client("s3")
        place = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "NXF_", "NF_"))},
            "AWS_ENDPOINT_URL": testbed.endpoint,
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "NF_AWS_CLI": str(directory / "worker" / worker_root.CLIENT_DIRECTORY / "aws"),
            "NF_JOB_QUEUE": self.queue,
            "NF_JOB_ROLE": "arn:aws:iam::123456789012:role/job",
            "NF_WORKDIR": f"s3://{BUCKET}/runs",
            "NXF_HOME": str(directory / "nextflow-home"),
            "NXF_ANSI_LOG": "false",
        }

    def keys(self, prefix: str) -> list[str]:
        answer = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in answer.get("Contents", [])]

    def jobs(self, run: str) -> list[dict[str, Any]]:
        """The jobs of one run, which its work directory tells."""
        listed: list[str] = []
        for status in ("SUCCEEDED", "FAILED"):
            answer = self.testbed.batch.list_jobs(jobQueue=self.queue, jobStatus=status)
            listed += [job["jobId"] for job in answer["jobSummaryList"]]
        jobs = self.testbed.batch.describe_jobs(jobs=listed)["jobs"]
        return [job for job in jobs if f"/{run}/" in json.dumps(job["container"]["command"])]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("cloud")
    root = worker_root.prepare(directory / "worker")
    with batch_testbed(ProcessRunner(root)) as testbed:
        yield Cloud(testbed, directory)


@pytest.fixture(scope="module")
def alone(cloud: Cloud) -> Path:
    return distribution.unpacked(cloud.directory / "alone", None) / "bin" / "nextflow"


@pytest.fixture(scope="module")
def with_core(cloud: Cloud) -> Path:
    try:
        home = core.fetch(Path("build/rehearsal").absolute())
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    return distribution.unpacked(cloud.directory / "with-core", home) / "bin" / "nextflow"


def configure(folder: Path, extra: str = "") -> Path:
    """A configuration as the head writes it, in a launch folder of its own."""
    folder.mkdir(exist_ok=True)
    config = folder / "head.config"
    config.write_text(
        f"""
        plugins {{
            id 'nf-amazon@3.9.2'
        }}
        workDir = 's3://{BUCKET}/runs/{folder.name}'
        process.executor = 'awsbatch'
        {extra}
        """
    )
    return config


def start(
    cloud: Cloud, nextflow: Path, folder: Path, *arguments: str, **variables: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(nextflow), *arguments],
        cwd=folder,
        env=cloud.environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def slow_client(cloud: Cloud) -> str:
    """A client that keeps tasks from starting, so that they are there to be terminated."""
    client = cloud.directory / "worker" / "slow" / "bin" / "aws"
    client.parent.mkdir(parents=True, exist_ok=True)
    client.write_text("#!/bin/sh\nsleep 60\n")
    client.chmod(0o755)
    return str(client)


def run(
    cloud: Cloud, nextflow: Path, folder: Path, *arguments: str, **variables: str
) -> tuple[int, str]:
    process = start(cloud, nextflow, folder, *arguments, **variables)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def greetings(output: str) -> list[str]:
    return sorted(line for line in output.splitlines() if line.endswith("world!"))


def test_the_core_runs_hello_on_batch(cloud: Cloud, with_core: Path, tmp_path: Path) -> None:
    folder = tmp_path / "core"
    config = configure(folder, "report { enabled = true; file = 'report.html' }")
    arguments = ["-log", "nf.log", "-c", str(config), "run", "-name", "r1", "hello"]
    arguments += [
        "-with-trace",
        "trace.txt",
        "-with-timeline",
        f"s3://{BUCKET}/reports/timeline.html",
    ]
    code, output = run(cloud, with_core, folder, *arguments)
    assert (code, greetings(output)) == (0, GREETINGS), output
    jobs = cloud.jobs("core")
    assert sorted(job["jobName"] for job in jobs) == [f"sayHello_{n}" for n in range(1, 5)]
    # The core's own evidence is about these very tasks.
    trace = [row.split("\t") for row in (folder / "trace.txt").read_text().splitlines()]
    assert [row[trace[0].index("status")] for row in trace[1:]] == ["COMPLETED"] * 4
    assert (folder / "report.html").stat().st_size > 1_000_000
    assert "Execution complete -- Goodbye" in (folder / "nf.log").read_text()
    assert cloud.keys("reports/") == ["timeline.html"]
    hashes = {key[:9] for key in cloud.keys("runs/core/")}
    assert {row[trace[0].index("hash")] for row in trace[1:]} == hashes


def test_a_signal_makes_the_core_terminate_its_jobs(
    cloud: Cloud, with_core: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    config = configure(folder)
    arguments = ("-c", str(config), "run", "hello")
    process = start(cloud, with_core, folder, *arguments, NF_AWS_CLI=slow_client(cloud))
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if sum("batch:SubmitJob" in row for row in seen) == 4:
            break
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=60)[0]
    output = "".join(seen) + rest
    assert process.returncode == 1, output
    assert rest.count("batch:TerminateJob") == 4, output


def test_a_failed_task_is_told_by_the_core(cloud: Cloud, with_core: Path, tmp_path: Path) -> None:
    folder = tmp_path / "core-failed"
    config = configure(folder)
    arguments = ("-c", str(config), "run", "hello")
    code, output = run(cloud, with_core, folder, *arguments, NF_AWS_CLI="/nowhere/bin/aws")
    assert code == 1
    assert "terminated with an error exit status" in output


def test_without_a_core_a_signal_terminates_the_jobs_too(
    cloud: Cloud, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "alone-stopped"
    config = configure(folder)
    arguments = ("-c", str(config), "run", "hello")
    process = start(cloud, alone, folder, *arguments, NF_AWS_CLI=slow_client(cloud))
    assert process.stdout is not None
    while "sayHello (4)" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 1, rest
    assert rest.count("batch:TerminateJob") == 4


def test_without_a_core_the_calls_are_replayed_alone(
    cloud: Cloud, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    config = configure(folder)
    code, output = run(cloud, alone, folder, "-c", str(config), "run", "hello")
    assert (code, greetings(output)) == (0, GREETINGS), output
    others = [line for line in output.splitlines() if not line.endswith("world!")]
    assert all(line.startswith("[simulation] ") for line in others)


def test_each_task_leaves_what_nextflow_leaves(cloud: Cloud, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    config = configure(folder)
    run(cloud, alone, folder, "-c", str(config), "run", "hello", "-resume", str(_SESSION))
    keys = cloud.keys("runs/files/")
    folders = {re.match(r"[0-9a-f]{2}/[0-9a-f]{30}/", key)[0] for key in keys}  # type: ignore[index]
    names = [".command.begin", ".command.err", ".command.log", ".command.out"]
    names += [".command.run", ".command.sh", ".exitcode"]
    assert len(folders) == 4
    assert sorted(keys) == sorted(f + name for f in folders for name in ["", *names])


_SESSION = "3f0c5c8e-0b5a-4d5f-8a57-1f2f9a4d7e10"


def test_jobs_carry_the_configuration(cloud: Cloud, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "configured"
    config = configure(folder)
    code, output = run(cloud, alone, folder, "-c", str(config), "run", "hello")
    assert code == 0, output
    definition = cloud.testbed.batch.describe_job_definitions(
        jobDefinitionName="nf-quay-io-nextflow-bash"
    )["jobDefinitions"][-1]
    container = definition["containerProperties"]
    client = cloud.environment["NF_AWS_CLI"].removesuffix("/bin/aws")
    assert container["jobRoleArn"] == "arn:aws:iam::123456789012:role/job"
    assert container["volumes"] == [{"name": "aws-cli", "host": {"sourcePath": client}}]
    assert set(definition["tags"]) == {"nextflow.io/createdAt", "nextflow.io/version"}
    job = cloud.jobs("configured")[0]
    command = job["container"]["command"]
    assert command[:4] == ["bash", "-o", "pipefail", "-c"]
    assert command[4].endswith("- | bash > >(tee .command.log) 2>&1 & pid=$!; wait $pid")
    variables = {pair["name"]: pair["value"] for pair in job["container"]["environment"]}
    assert variables["AWS_MAX_ATTEMPTS"] == "100"
    assert job["retryStrategy"]["attempts"] == 5


def test_a_failed_task_fails_the_run(cloud: Cloud, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "failed"
    config = configure(folder)
    arguments = ("-c", str(config), "run", "hello")
    code, output = run(cloud, alone, folder, *arguments, NF_AWS_CLI="/nowhere/bin/aws")
    assert code == 1
    assert re.search(r"\[simulation\] sayHello \(\d\) failed with exit code", output)


@pytest.mark.parametrize("pipeline", ["nf-core/rnaseq", "main.nf", ""])
def test_other_pipelines_are_refused_in_one_line(
    cloud: Cloud, alone: Path, tmp_path: Path, pipeline: str
) -> None:
    code, output = run(cloud, alone, tmp_path, "run", *([pipeline] if pipeline else []))
    assert code == 2
    assert output.startswith(f"[simulation] {pipeline!r} cannot run on this local AWS: without ")
    assert output.count("\n") == 1


def test_plugins_are_not_pretended(cloud: Cloud, alone: Path, tmp_path: Path) -> None:
    code, output = run(cloud, alone, tmp_path, "plugin", "install", "nf-amazon@3.9.2")
    assert (code, "nothing was installed" in output) == (0, True)


def test_the_core_answers_for_itself(cloud: Cloud, with_core: Path, tmp_path: Path) -> None:
    code, output = run(cloud, with_core, tmp_path, "-v")
    assert (code, output[:24]) == (0, f"nextflow version {core.VERSION}")
