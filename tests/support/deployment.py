"""A deployment on the local AWS whose jobs are processes, and `nfbatch` for it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_aws import worker_root
from local_aws.batch.process_runner import ProcessRunner
from local_aws.rehearsal import core, distribution
from nextflow_batch.deployment_document import FORMAT, PATH
from nfbatch import options
from nfbatch.__main__ import run
from nfbatch.aws import Aws
from stacks import paths
from tests.support.batch import KEYS, REGION, Testbed, batch_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Nextflow, as far as a machine without its plugins has it: `hello` is rehearsed; of any other
#: project only the arguments are printed.
_NEXTFLOW = """#!/bin/sh
for word; do
    if [ "$word" = hello ]; then exec {rehearsal} "$@"; fi
done
for word; do echo "argument: $word"; done
for word; do
    if [ -f "$word/main.nf" ]; then (cd "$word" && find . -type f | sort | sed 's/^/file: /'); fi
    if [ -f "$word/pause" ]; then exec sleep 600; fi
    if [ -f "$word/fail" ]; then exit 1; fi
done
"""
_HEAD = "nextflow-batch/head"


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        status: Its exit status.
        out: What it printed to standard output.
        err: What it printed to standard error.
    """

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read."""
        assert self.status == 0, self.err
        return json.loads(self.out)


class DeploymentTestbed:
    """A deployment, made by the calls that CloudFormation would make.

    Attributes:
        testbed: The account.
        name: The deployment's name.
        queues: Its queues: the head's, the tasks'.
        job_definition: Name of the head's job definition.
        bucket: Its bucket.
    """

    def __init__(self, testbed: Testbed, name: str = "lab") -> None:
        self.testbed = testbed
        self.name = name
        self.queues = [testbed.queue(), testbed.queue()]
        self.bucket = testbed.unique("bucket")
        testbed.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        testbed.client("logs").create_log_group(logGroupName=f"{name}-logs")
        self.job_definition = self._register_head()
        self.publish(self.document)

    @property
    def document(self) -> dict[str, Any]:
        """What the deployment tells; a test compares its form with the app's."""
        return {
            "format": FORMAT,
            "deployment": self.name,
            "job_definition": self.job_definition,
            "head_queue": self.queues[0],
            "queues": self.queues,
            "logs": f"s3://{self.bucket}/_nextflow/logs",
            "runs": f"s3://{self.bucket}/_nextflow/runs",
            "uploads": f"s3://{self.bucket}/_nextflow/launch",
            "log_group": f"{self.name}-logs",
        }

    def publish(self, document: Mapping[str, Any] | str) -> None:
        """Put the parameter."""
        text = document if isinstance(document, str) else json.dumps(document)
        self.testbed.client("ssm").put_parameter(
            Name=f"{PATH}/{self.name}", Value=text, Type="String", Overwrite=True
        )

    def withdraw(self) -> None:
        """Delete the parameter."""
        self.testbed.client("ssm").delete_parameter(Name=f"{PATH}/{self.name}")

    def _register_head(self) -> str:
        variables = {
            "NF_LOGSDIR": self.document_uri("logs"),
            "NF_WORKDIR": self.document_uri("runs"),
            "NF_JOB_QUEUE": self.queues[1],
            "NF_JOB_ROLE": "arn:aws:iam::123456789012:role/job",
            "NF_LOG_GROUP": f"{self.name}-logs",
            "NF_AWS_CLI": "/opt/aws-cli/bin/aws",
            "NF_DEPLOYMENT": self.name,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.testbed.endpoint,
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        }
        return self.testbed.definition(
            [],
            container={
                "image": _HEAD,
                "command": [],
                "environment": [{"name": k, "value": v} for k, v in variables.items()],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": f"{self.name}-logs"},
                },
            },
            propagateTags=True,
        )

    def document_uri(self, folder: str) -> str:
        """Where something is in the bucket."""
        return f"s3://{self.bucket}/_nextflow/{folder}"

    @functools.cache  # noqa: B019 - lives as long as the tests
    def connect(self, profile: str | None, region: str | None) -> Aws:
        """The same clients for all commands: they take most of a command's time."""
        return Aws(profile, region)

    @cached_property
    def s3(self) -> Any:
        """A client of S3."""
        return self.testbed.client("s3")

    def keys(self, folder: str) -> list[str]:
        """The keys below a folder of the deployment."""
        prefix = f"_nextflow/{folder}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def heads(self) -> list[str]:
        """The ids of all heads that Batch knows."""
        wanted = [{"name": "JOB_DEFINITION", "values": [self.job_definition]}]
        return [
            job["jobId"]
            for queue in self.queues
            for job in self.testbed.batch.list_jobs(jobQueue=queue, filters=wanted)[
                "jobSummaryList"
            ]
        ]

    def log(self, job: str) -> list[str]:
        """Wait for a head's end, and read what it printed."""
        return self.testbed.lines(self.testbed.wait(job), f"{self.name}-logs")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a user of this deployment."""
        return {
            "AWS_ENDPOINT_URL": self.testbed.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "NFBATCH_DEPLOYMENT": self.name,
        }

    def nfbatch(self, *arguments: str, **variables: str) -> Answer:
        """Run the command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(options, "connect", self.connect)
            for name, value in (self.variables | variables).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run(list(arguments))
        return Answer(status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def deployment_testbed(folder: Path) -> Iterator[DeploymentTestbed]:
    """Start a local AWS with one deployment; stop it at the end."""
    root = worker_root.prepare(folder / "worker")
    try:
        libraries = core.fetch(Path("build/rehearsal").absolute())
    except core.CoreUnavailable:
        libraries = None
    rehearsal = distribution.unpacked(folder / "rehearsal", libraries) / "bin" / "nextflow"
    nextflow = folder / "bin" / "nextflow"
    nextflow.parent.mkdir()
    nextflow.write_text(_NEXTFLOW.format(rehearsal=rehearsal))
    nextflow.chmod(nextflow.stat().st_mode | stat.S_IXUSR)
    # Sessions can be resumed where the image has this plugin.
    (folder / "plugins" / "nf-cloudcache-0.5.0").mkdir(parents=True)
    runner = ProcessRunner(root)
    runner.entrypoints[_HEAD] = [str(paths.HEAD_IMAGE / "nextflow-head")]
    runner.environment |= {
        "PATH": os.pathsep.join([str(nextflow.parent), os.environ["PATH"]]),
        "NXF_PLUGINS_DIR": str(folder / "plugins"),
    }
    with batch_testbed(runner) as testbed:
        yield DeploymentTestbed(testbed)
