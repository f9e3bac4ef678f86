"""The container's environment: what the job definition and AWS Batch tell the head."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

#: The variables that may be printed. Everything else in the environment may be a secret.
PRINTED = (
    "AWS_BATCH_JOB_ID",
    "AWS_BATCH_JOB_ATTEMPT",
    "AWS_BATCH_JQ_NAME",
    "AWS_BATCH_CE_NAME",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "NF_ARGUMENTS",
    "NF_AWS_CLI",
    "NF_DEPLOYMENT",
    "NF_JOB_QUEUE",
    "NF_JOB_ROLE",
    "NF_LOGSDIR",
    "NF_LOG_GROUP",
    "NF_MAX_CPUS",
    "NF_MAX_MEMORY",
    "NF_ON_DEMAND_QUEUE",
    "NF_OWNER",
    "NF_RESUME",
    "NF_SPOT_ATTEMPTS",
    "NF_WORKDIR",
)


@dataclass(frozen=True)
class Environment:
    """What the head was told.

    Attributes:
        job_id: The Batch job that this container is an attempt of.
        attempt: Which attempt this is, from 1.
        own_queue: The name of the queue that the head itself came through, or None.
        region: The AWS region of queue and bucket.
        max_attempts: How often Nextflow tries a call of AWS.
        endpoint: Where all AWS services answer instead of AWS, or None.
        job_queue: The queue (ARN or name) that tasks are submitted to.
        on_demand_queue: The queue of a task's later attempts, or None.
        spot_attempts: How many of Nextflow's attempts of a task stay in `job_queue` before that.
        max_cpus: vCPUs of the largest instance that `job_queue` can start, or None if unknown.
        max_memory: What a task can have of that instance's memory, in MiB, or None.
        job_role: The role (ARN) that tasks run with; None leaves them the instance's.
        log_group: The log group of the tasks' output; None leaves Batch's default.
        aws_cli: Path of the `aws` command on the workers, mounted into each task.
        name: The name of the deployment, for the labels of tasks, or None.
        owner: Who runs it, for the labels of tasks, or None.
        resume: The id of the Batch job whose session is gone on with, or None.
        arguments: A file with further arguments, or None.
        work: Where runs keep their work directories and caches.
        logs: Where logs and reports are kept.
    """

    job_id: str
    attempt: int
    own_queue: str | None
    region: str
    max_attempts: int
    endpoint: str | None
    job_queue: str
    on_demand_queue: str | None
    spot_attempts: int
    max_cpus: int | None
    max_memory: int | None
    job_role: str | None
    log_group: str | None
    aws_cli: str
    name: str | None
    owner: str | None
    resume: str | None
    arguments: Location | None
    work: Location
    logs: Location

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Reads and checks the variables; an empty one counts as missing.

        Raises:
            Refusal: One line for each variable that is missing or malformed.
        """
        read = _Reader(variables)
        # The SDKs disagree on the name; whoever sets one of them means both.
        names = ("AWS_REGION", "AWS_DEFAULT_REGION")
        region_variable = next((name for name in names if variables.get(name)), names[0])
        job_id = read.required("AWS_BATCH_JOB_ID", *_JOB_ID)
        attempt = read.optional("AWS_BATCH_JOB_ATTEMPT", *_ATTEMPT)
        region = read.required(region_variable, *_REGION)
        max_attempts = read.optional("AWS_MAX_ATTEMPTS", *_NUMBER)
        read.optional("AWS_RETRY_MODE", *_RETRY_MODE)
        endpoint = read.optional("AWS_ENDPOINT_URL", *_ENDPOINT)
        job_queue = read.required("NF_JOB_QUEUE", *_JOB_QUEUE)
        on_demand_queue = read.optional("NF_ON_DEMAND_QUEUE", *_JOB_QUEUE)
        spot_attempts = read.optional("NF_SPOT_ATTEMPTS", *_SPOT_ATTEMPTS)
        max_cpus = read.optional("NF_MAX_CPUS", *_NUMBER)
        max_memory = read.optional("NF_MAX_MEMORY", *_NUMBER)
        job_role = read.optional("NF_JOB_ROLE", *_ROLE)
        log_group = read.optional("NF_LOG_GROUP", *_LOG_GROUP)
        aws_cli = read.optional("NF_AWS_CLI", *_AWS_CLI)
        name = read.optional("NF_DEPLOYMENT", *_NAME)
        owner = read.optional("NF_OWNER", *_NAME)
        resume = read.optional("NF_RESUME", *_RESUMED)
        arguments = read.optional("NF_ARGUMENTS", *_FILE)
        work = read.required("NF_WORKDIR", *_LOCATION)
        logs = read.required("NF_LOGSDIR", *_LOCATION)
        if read.refused:
            raise Refusal(*read.refused)
        return cls(
            job_id=job_id,
            attempt=int(attempt or 1),
            own_queue=variables.get("AWS_BATCH_JQ_NAME"),
            region=region,
            # With Nextflow's 5, a run ends 3 s after S3 or Batch begin to refuse connections.
            max_attempts=int(max_attempts or 100),
            endpoint=endpoint,
            job_queue=job_queue,
            on_demand_queue=on_demand_queue,
            spot_attempts=int(spot_attempts or 1),
            max_cpus=int(max_cpus) if max_cpus else None,
            max_memory=int(max_memory) if max_memory else None,
            job_role=job_role,
            log_group=log_group,
            aws_cli=aws_cli or "/opt/aws-cli/bin/aws",
            name=name,
            owner=owner,
            resume=resume,
            arguments=Location.parse(arguments) if arguments else None,
            work=Location.parse(work),
            logs=Location.parse(logs),
        )


# Pattern of the whole value, and what is allowed in words.
_JOB_ID = (
    r"(?=.{1,64}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*([:#][0-9]{1,5})?",
    "the id of a Batch job: letters and digits with single '-' between",
)
_RESUMED = (
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([:#][0-9]{1,5})?",
    "the id of the Batch job to resume, not its name, such as 0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
)
_ATTEMPT = (r"[1-9][0-9]?", "a number from 1 to 99")
_REGION = (r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region such as us-west-2")
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_RETRY_MODE = (r"standard|adaptive|legacy", "standard, adaptive or legacy")
_ENDPOINT = (r"https?://[^\s/=]+/?", "http://HOST:PORT, without a path")
_JOB_QUEUE = (
    r"(arn:[a-z-]+:batch:[a-z0-9-]+:[0-9]{12}:job-queue/)?[A-Za-z0-9_-]{1,128}",
    "the ARN or the name of a job queue",
)
_ROLE = (r"arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+", "the ARN of an IAM role")
_LOG_GROUP = (r"[A-Za-z0-9_/.#-]{1,512}", "the name of a log group")
# Nextflow insists on the ending: the folder above it is what tasks see of the worker.
_AWS_CLI = (r"(/[A-Za-z0-9._+-]+)+/bin/aws", "an absolute path that ends in /bin/aws")
_SPOT_ATTEMPTS = (r"[1-9]|10", "a number from 1 to 10")
_NUMBER = (r"[1-9][0-9]{0,8}", "a number from 1 to 999999999")
_NAME = (r"[A-Za-z0-9 _.:/=+@-]{1,256}", "a name that the value of an AWS tag can hold")
_BUCKET = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
# A key may hold any character.
_FILE = (
    rf"{_BUCKET}/(?s:.*)[^/]",
    "a file in S3 such as s3://my-bucket/arguments.json",
)
# Nextflow puts these into shell scripts and compares them with what it lists.
_LOCATION = (rf"{_BUCKET}(/[^\s/]+)*/?", "an S3 location such as s3://my-bucket/_nextflow/runs")


class _Reader:
    """Reads variables and collects what is wrong with them, so that all is told at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.refused: list[str] = []

    def optional(self, name: str, pattern: str, allowed: str) -> str | None:
        value = self._variables.get(name) or None
        if value is not None and not re.fullmatch(pattern, value):
            self.refused.append(f"{name}={value!r} is refused: it must be {allowed}")
        return value

    def required(self, name: str, pattern: str, allowed: str) -> str:
        value = self.optional(name, pattern, allowed)
        if value is None:
            self.refused.append(f"{name} is missing: it must be {allowed}")
        return value or ""


def printable(variables: Mapping[str, str]) -> list[str]:
    """The variables that may be shown, as NAME=VALUE."""
    return [f"{name}={variables[name]}" for name in PRINTED if variables.get(name)]
