"""The calls that Nextflow's awsbatch executor makes, replayed."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .settings import MAX_SPOT_ATTEMPTS, MAX_TRANSFER_ATTEMPTS, Settings
from .speech import say
from .task import Task, launch_command, wrapper

ENDED = frozenset({"SUCCEEDED", "FAILED"})
# What Nextflow takes for a task's exit code when there is none to be found.
NO_EXIT_CODE = 2147483647
_MOST_JOBS_PER_DESCRIBE = 100
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        exit_code: The task's.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
        reason: Batch's reason, for a job that failed.
    """

    exit_code: int
    out: bytes
    err: bytes
    reason: str = ""


class Executor:
    """Submits tasks to AWS Batch, asks for them, reads their results and terminates them.

    https://github.com/nextflow-io/nextflow/blob/v25.10.0/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchTaskHandler.groovy
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # An endpoint of one's own has no name for each bucket.
        paths = Config(s3={"addressing_style": "path"})
        config = paths if "AWS_ENDPOINT_URL" in os.environ else Config()
        self._batch: Any = boto3.client("batch", region_name=settings.region)
        self._s3: Any = boto3.client("s3", region_name=settings.region, config=config)
        self._bucket, _, self._prefix = settings.work_dir.removeprefix("s3://").partition("/")
        self._definition: str | None = None

    def submit(self, task: Task) -> str:
        """Puts a task's files into its folder and submits its job.

        Returns:
            The job's id.
        """
        task_dir = f"{self.settings.work_dir}/{task.folder}"
        self._put(f"{task.folder}/", "")
        self._put(f"{task.folder}/.command.run", wrapper(self.settings, task, task_dir))
        self._put(f"{task.folder}/.command.sh", task.script)
        if self._definition is None:
            self._definition = self._register_definition()
        request = self._request(task, task_dir, self._definition)
        job_id = str(self._batch.submit_job(**request)["jobId"])
        say(f"batch:SubmitJob {task.name} -> {job_id}; work-dir={task_dir}")
        return job_id

    def describe(self, job_ids: list[str]) -> dict[str, dict[str, Any]]:
        """Asks for jobs; one that Batch has forgotten is missing from the answer."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(job_ids), _MOST_JOBS_PER_DESCRIBE):
            part = job_ids[start : start + _MOST_JOBS_PER_DESCRIBE]
            answer = self._batch.describe_jobs(jobs=part)
            found |= {job["jobId"]: job for job in answer["jobs"]}
        return found

    def outcome(self, task: Task, job: dict[str, Any]) -> Outcome:
        """Reads what a task left in its folder once its job has ended.

        Args:
            task: The task.
            job: The job as DescribeJobs tells it.
        """
        exit_code = job.get("container", {}).get("exitCode")
        written = self._get(f"{task.folder}/.exitcode").decode().strip()
        if exit_code is None and re.fullmatch(r"\d+", written):
            exit_code = int(written)
        reasons = (job.get("statusReason"), job.get("container", {}).get("reason"))
        reason = " - ".join(text for text in reasons if text) if job["status"] == "FAILED" else ""
        return Outcome(
            exit_code=NO_EXIT_CODE if exit_code is None else int(exit_code),
            out=self._get(f"{task.folder}/.command.out"),
            err=self._get(f"{task.folder}/.command.err") if job["status"] == "FAILED" else b"",
            reason=reason,
        )

    def terminate(self, job_ids: list[str]) -> None:
        """Terminates jobs, with Nextflow's reason."""
        for job_id in job_ids:
            self._batch.terminate_job(jobId=job_id, reason="Job killed by NF")
            say(f"batch:TerminateJob {job_id}")

    def _request(self, task: Task, task_dir: str, definition: str) -> dict[str, Any]:
        """SubmitJob's request for a task."""
        attempts = str(MAX_TRANSFER_ATTEMPTS)
        environment = {
            "AWS_RETRY_MODE": "standard",
            "AWS_MAX_ATTEMPTS": attempts,
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS": attempts,
        }
        rules = [
            {"action": "RETRY", "onStatusReason": "Host EC2*"},
            {"action": "EXIT", "onReason": "*"},
        ]
        return {
            "jobName": re.sub(r"[^\w-]", "", task.name.replace(" ", "_"))[:_LONGEST_NAME],
            "jobQueue": self.settings.queue,
            "jobDefinition": definition,
            **self._tags(),
            "containerOverrides": {
                "command": launch_command(self.settings, task_dir),
                "environment": [{"name": k, "value": v} for k, v in environment.items()],
            },
            "retryStrategy": {"attempts": MAX_SPOT_ATTEMPTS, "evaluateOnExit": rules},
        }

    def _register_definition(self) -> str:
        """Registers the job definition of the tasks' image."""
        answer = self._batch.register_job_definition(
            jobDefinitionName=self._definition_name(),
            type="container",
            containerProperties=self._properties(),
            tags={
                "nextflow.io/createdAt": datetime.now(UTC).isoformat(),
                "nextflow.io/version": "simulation",
            },
        )
        definition = f"{answer['jobDefinitionName']}:{answer['revision']}"
        say(f"batch:RegisterJobDefinition {definition} for {self.settings.container}")
        return definition

    def _definition_name(self) -> str:
        """The name that the head's plugin gives it."""
        image = re.sub(r"[^a-zA-Z0-9_-]+", "-", self.settings.container)
        deployment = self.settings.deployment
        return f"nf-{deployment}_{image}" if deployment else f"nf-{image}"

    def _tags(self) -> dict[str, Any]:
        """The tag of the head's plugin."""
        deployment = self.settings.deployment
        return {"tags": {"nextflow-deployment": deployment}} if deployment else {}

    def _properties(self) -> dict[str, Any]:
        """The job definition's container; command and sizes are overridden by each job."""
        settings = self.settings
        properties: dict[str, Any] = {
            "image": settings.container,
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "1024"},
            ],
        }
        if settings.job_role:
            properties["jobRoleArn"] = settings.job_role
        if settings.logs_group:
            where = {"awslogs-group": settings.logs_group, "awslogs-region": settings.region}
            properties["logConfiguration"] = {"logDriver": "awslogs", "options": where}
        if settings.cli_path:
            folder = settings.cli_path.removesuffix("/bin/aws")
            mount = {"sourceVolume": "aws-cli", "containerPath": folder, "readOnly": True}
            properties["mountPoints"] = [mount]
            properties["volumes"] = [{"name": "aws-cli", "host": {"sourcePath": folder}}]
        return properties

    def _put(self, name: str, text: str) -> None:
        """Writes an object under the work directory."""
        self._s3.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=text.encode())

    def _get(self, name: str) -> bytes:
        """Reads an object under the work directory; a missing one reads as empty."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}")
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return b""
            raise
        body: bytes = answer["Body"].read()
        return body
