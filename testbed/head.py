"""The workshop's deployment on a local AWS, with a Nextflow that submits to its Batch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local_aws.cdk import Cdk
from local_aws.demo import capabilities
from local_aws.docker_cli import BUILD_ARGUMENTS
from local_aws.jobs import Containers
from local_aws.server import LocalAws
from stacks import paths
from testbed import synthesized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stacks.settings import Settings

#: Tasks that say which they are, and take their time.
PIPELINE = """
params.tasks = 4
params.seconds = 10

process NAP {
    tag "$n"
    input: val n
    output: stdout
    script: "sleep ${params.seconds}; echo nap $n done"
}

workflow { channel.of(1..(params.tasks as Integer)) | NAP | view }
"""
#: What `hello` runs, without the way to its repository, which not every machine has.
HELLO = (paths.ROOT / "local_aws" / "rehearsal" / "replay" / "hello" / "main.nf").read_text()
#: A pipeline that, once its two tasks are submitted, never stops asking for memory.
HUNGRY = """
process NAP {
    input: val n
    script: "sleep 300"
}

workflow {
    NAP( channel.of(1, 2) )
    channel.of(1).map { _n -> sleep(8000); (1..100000).collect { _m -> 'x'.multiply(1 << 20) } }
}
"""
_RECORDER = """#!/usr/bin/env python3
import json, sys
print(*map(json.dumps, sys.argv[1:]), sep="\\n")
"""
_ENDED = ("SUCCEEDED", "FAILED")
_ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


class NoNextflow(RuntimeError):  # noqa: N818 - a state of the machine, not a fault
    """No Nextflow with its Batch plugin can be had on this machine; the message says why."""


@dataclass(frozen=True)
class HeadTestbed:
    """A deployment, and what one does with its jobs.

    Attributes:
        aws: The local AWS.
        images: The engine's name of each image, by the name that it was pushed under.
    """

    aws: LocalAws
    images: Mapping[str, str]

    @cached_property
    def batch(self) -> Any:
        """A client that waits while connections are refused."""
        return self._client("batch")

    @cached_property
    def s3(self) -> Any:
        """Likewise."""
        return self._client("s3")

    @cached_property
    def bucket(self) -> str:
        """The deployment's bucket."""
        (found,) = [
            bucket["Name"]
            for bucket in self.s3.list_buckets()["Buckets"]
            if "storagebucket" in bucket["Name"]
        ]
        return str(found)

    def put_project(self, name: str, text: str = PIPELINE, config: str = "") -> str:
        """Put a pipeline into the bucket and return its S3 URI."""
        files = {
            "main.nf": text,
            "nextflow.config": f"process.container = 'nextflow-batch/task:local'\n{config}\n",
        }
        for file, content in files.items():
            self.s3.put_object(
                Bucket=self.bucket, Key=f"projects/{name}/{file}", Body=content.encode()
            )
        return f"s3://{self.bucket}/projects/{name}"

    def submit(
        self,
        *command: str,
        memory: int | None = None,
        definition: str = "nextflow",
        queue: str = "default",
        **variables: str,
    ) -> str:
        """Submit a head and return its id."""
        overrides: dict[str, Any] = {
            "command": list(command),
            "environment": [{"name": k, "value": v} for k, v in variables.items()],
        }
        if memory:
            overrides["resourceRequirements"] = [{"type": "MEMORY", "value": str(memory)}]
        return str(
            self.batch.submit_job(
                jobName="head",
                jobQueue=queue,
                jobDefinition=definition,
                containerOverrides=overrides,
            )["jobId"]
        )

    def describe(self, *jobs: str) -> list[dict[str, Any]]:
        """Describe jobs."""
        return list(self.batch.describe_jobs(jobs=list(jobs))["jobs"]) if jobs else []

    def status(self, job: str) -> str:
        """A job's status."""
        return str(self.describe(job)[0]["status"])

    def wait(self, job: str, seconds: float = 600) -> dict[str, Any]:
        """Wait for a job's end and describe it."""
        self.until(lambda: self.status(job) in _ENDED, f"{job} ended", seconds)
        return self.describe(job)[0]

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
        """Wait for something."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to this: {what}"
            time.sleep(0.3)

    def tasks(self, head: str) -> list[dict[str, Any]]:
        """Describe the tasks that were submitted in a head's session."""
        found = [
            summary["jobId"]
            for queue in ("default", "highpriority")
            for status in (*_ALIVE, *_ENDED)
            for summary in self.batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        ]
        work = f"/run-{head}/work/"
        return [
            job
            for start in range(0, len(found), 100)
            for job in self.describe(*dict.fromkeys(found[start : start + 100]))
            if any(work in word for word in job["container"].get("command", []))
        ]

    def alive(self, head: str) -> list[dict[str, Any]]:
        """Describe those of them that have not ended."""
        return [job for job in self.tasks(head) if job["status"] in _ALIVE]

    def done(self, head: str) -> int:
        """Count the tasks that the session's cache knows as done."""
        return len(self.keys(f"_nextflow/logs/sessions/run-{head}/cache/"))

    def keys(self, prefix: str) -> list[str]:
        """List the bucket's keys."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def record(self, head: str) -> dict[str, Any]:
        """Read a head's run.json."""
        key = f"_nextflow/logs/run-{head}/run.json"
        return dict(json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()))

    def end(self, job: str) -> tuple[str, int, str]:
        """Wait for a head's end: its state, its exit status and its last line.

        The three places that tell of it agree, or this fails.
        """
        done = self.wait(job)
        record, last = self.record(job), self.log(done)[-1].removeprefix("nextflow-head: ")
        status = done["container"]["exitCode"]
        assert record["exit"] == status
        assert (record["reason"] or "the pipeline succeeded") == last
        assert (done["status"] == "SUCCEEDED") == (record["state"] == "SUCCEEDED") == (status == 0)
        assert record["attempts"][-1]["state"] == record["state"]
        return record["state"], status, last

    def recorded(self, job: str) -> list[str]:
        """Wait for a head with a recording Nextflow, and read the arguments that this got."""
        done = self.wait(job)
        assert done["status"] == "SUCCEEDED", self.log(done)
        return [json.loads(line) for line in self.log(done) if line.startswith('"')]

    @property
    def image(self) -> str:
        """The head's image, as the engine names it."""
        return self.images[self.definition["containerProperties"]["image"]]

    @property
    def definition(self) -> dict[str, Any]:
        """The head's job definition."""
        (found,) = self.batch.describe_job_definitions(
            jobDefinitionName="nextflow", status="ACTIVE"
        )["jobDefinitions"]
        return dict(found)

    def log(self, job: dict[str, Any]) -> list[str]:
        """Read what a described job's last attempt printed."""
        container = job["container"]
        events = self._client("logs").get_log_events(
            logGroupName=container["logConfiguration"]["options"]["awslogs-group"],
            logStreamName=container["logStreamName"],
            startFromHead=True,
        )["events"]
        return [event["message"] for event in events]

    def _client(self, service: str) -> Any:
        session: Any = boto3.session.Session()
        keys = self.aws.client_environment()
        return session.client(
            service,
            endpoint_url=self.aws.endpoint,
            region_name=self.aws.region,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 60}),
        )


@contextmanager
def recording(testbed: HeadTestbed) -> Iterator[str]:
    """A job definition like the head's, whose Nextflow prints its arguments and does no more."""
    definition, tag = testbed.definition, "nextflow-batch/recording:local"
    with tempfile.TemporaryDirectory() as folder:
        recorder = Path(folder, "nextflow")
        recorder.write_text(_RECORDER)
        recorder.chmod(0o755)
        text = f"FROM {testbed.image}\nCOPY nextflow /opt/recorder/\nENV PATH=/opt/recorder:$PATH\n"
        Path(folder, "Dockerfile").write_text(text)
        subprocess.run(["docker", "build", "--tag", tag, folder], check=True, capture_output=True)
    testbed.batch.register_job_definition(
        jobDefinitionName="recording",
        type="container",
        containerProperties={**definition["containerProperties"], "image": tag},
    )
    try:
        yield "recording"
    finally:
        subprocess.run(["docker", "rmi", tag], check=False, capture_output=True)


@contextmanager
def head_testbed(
    directory: Path, *, access_control: bool = False, settings: Settings | None = None
) -> Iterator[HeadTestbed]:
    """Deploy onto a local AWS with Docker.

    Args:
        directory: Where what is made is kept.
        access_control: Whether roles may do only what their policies allow.
        settings: What is deployed; the workshop when not given.

    Raises:
        NoNextflow: No Nextflow that submits to Batch can be had.
    """
    shutil.rmtree(directory / "state", ignore_errors=True)
    found = capabilities.find(directory, lambda _: None)
    state = directory / "state"
    arguments = {name: os.environ[name] for name in BUILD_ARGUMENTS if os.environ.get(name)}
    if "NEXTFLOW_DISTRIBUTION" not in arguments and found.is_rehearsal:
        raise NoNextflow(
            "Nextflow's releases do not answer here; give NEXTFLOW_DISTRIBUTION, an address of one"
            " with its plugins nf-amazon and nf-cloudcache (docs/head.md)"
        )
    arguments.setdefault("BASE_IMAGE", found.build_arguments["BASE_IMAGE"])
    runner = found.make_runner(state)
    assert isinstance(runner, Containers)
    with LocalAws(runner=runner, state_dir=state, access_control=access_control) as aws:
        folder = _app(directory, settings) if settings else paths.ROOT
        cdk = Cdk(aws, folder, environment=arguments)
        cdk.bootstrap()
        cdk.deploy(context={"settings": "workshop"})
        yield HeadTestbed(aws, runner.images)


def _app(directory: Path, settings: Settings) -> Path:
    """A folder whose app is what the settings synthesize to."""
    assembly = synthesized.of(settings).directory
    (directory / "cdk.json").write_text(json.dumps({"app": str(assembly)}))
    return directory
