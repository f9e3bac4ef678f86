"""The calls that Nextflow's awsbatch executor makes, replayed."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .settings import Settings
from .speech import say
from .task import Task, launch_command, wrapper

ENDED = frozenset({"SUCCEEDED", "FAILED"})
# What Nextflow takes for a task's exit code when there is none to be found.
NO_EXIT_CODE = 2147483647
_MOST_JOBS_PER_DESCRIBE = 100
_LONGEST_NAME = 128
_LONGEST_IMAGE = 125


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
            self._definition = self._find_definition() or self._register_definition()
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
        attempts = self.settings.max_transfer_attempts
        environment = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": str(attempts)}
        environment["AWS_METADATA_SERVICE_NUM_ATTEMPTS"] = str(attempts)
        overrides: dict[str, Any] = {"command": launch_command(self.settings, task_dir)}
        resources = {"MEMORY": task.memory_mib, "VCPU": task.cpus if task.cpus > 1 else None}
        wanted = [{"type": kind, "value": str(size)} for kind, size in resources.items() if size]
        if wanted:
            overrides["resourceRequirements"] = wanted
        overrides["environment"] = [{"name": k, "value": v} for k, v in environment.items()]
        request: dict[str, Any] = {
            "jobName": re.sub(r"[^\w-]", "", task.name.replace(" ", "_"))[:_LONGEST_NAME],
            "jobQueue": task.queue or self.settings.queue,
            "jobDefinition": definition,
            "containerOverrides": overrides,
        }
        if self.settings.labels:
            request |= {"tags": self.settings.labels, "propagateTags": True}
        if self.settings.max_spot_attempts > 0:
            again = {"action": "RETRY", "onStatusReason": "Host EC2*"}
            rules = [again, {"action": "EXIT", "onReason": "*"}]
            attempts = self.settings.max_spot_attempts
            request["retryStrategy"] = {"attempts": attempts, "evaluateOnExit": rules}
        if task.time_seconds:
            request["timeout"] = {"attemptDurationSeconds": max(60, task.time_seconds)}
        return request

    def _find_definition(self) -> str | None:
        """The job definition that an earlier run registered with the same properties."""
        name, token = self._definition_name(), self._token()
        answer = self._batch.describe_job_definitions(jobDefinitionName=name)
        for known in answer["jobDefinitions"]:
            same = known.get("parameters", {}).get("nf-token") == token
            if known["status"] == "ACTIVE" and same:
                say(f"batch:DescribeJobDefinitions found {name}:{known['revision']}")
                return f"{name}:{known['revision']}"
        return None

    def _register_definition(self) -> str:
        """Registers the job definition of the tasks' image."""
        answer = self._batch.register_job_definition(
            jobDefinitionName=self._definition_name(),
            type="container",
            parameters={"nf-token": self._token()},
            containerProperties=self._properties(),
            tags={
                "nextflow.io/createdAt": datetime.now(UTC).isoformat(),
                "nextflow.io/version": "rehearsal",
            },
        )
        definition = f"{answer['jobDefinitionName']}:{answer['revision']}"
        say(f"batch:RegisterJobDefinition {definition} for {self.settings.container}")
        return definition

    def _definition_name(self) -> str:
        """The job definition's name, made from the image's."""
        image = self.settings.container
        name = re.sub(r"[^a-zA-Z0-9_-]+", "-", image)
        if len(name) > _LONGEST_IMAGE:
            # Not a secret: Nextflow's own way to a short name.
            digest = hashlib.md5(image.encode(), usedforsecurity=False).hexdigest()
            name = f"{name[:40]}-{digest}"
        return f"nf-{name}"

    def _token(self) -> str:
        """A digest of the properties: definitions with the same one can be shared."""
        properties = json.dumps(self._properties(), sort_keys=True)
        return hashlib.sha256(properties.encode()).hexdigest()[:32]

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
        if settings.variables:
            pairs = settings.variables.items()
            properties["environment"] = [{"name": k, "value": v} for k, v in pairs]
        mounts = [(f"vol-{n}", v) for n, v in enumerate(settings.volumes, start=1)]
        if settings.cli_path:
            folder = settings.cli_path.removesuffix("/bin/aws")
            mounts.insert(0, ("aws-cli", f"{folder}:{folder}:ro"))
        if mounts:
            properties["mountPoints"] = []
            properties["volumes"] = []
        for name, written in mounts:
            host, inside, mode = (*written.split(":"), "", "")[:3]
            mount = {"sourceVolume": name, "containerPath": inside or host}
            properties["mountPoints"].append({**mount, "readOnly": mode == "ro"})
            properties["volumes"].append({"name": name, "host": {"sourcePath": host}})
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
