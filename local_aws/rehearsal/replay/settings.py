"""What the head configured, as far as Nextflow's awsbatch executor looks at it."""

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import configuration
from .configuration import Value
from .speech import Refused

# https://www.nextflow.io/docs/latest/reference/config.html#executor
_DEFAULT_POLL_INTERVAL = "10 sec"


@dataclass(frozen=True)
class Settings:
    """The awsbatch executor's settings.

    Attributes:
        region: `aws.region`.
        queue: `process.queue`, a name or an ARN.
        work_dir: `workDir`, an `s3://` URL without a trailing slash.
        container: `process.container`.
        cli_path: `aws.batch.cliPath`; None means `aws` on the task image's own PATH.
        job_role: `aws.batch.jobRole`, an ARN.
        logs_group: `aws.batch.logsGroup`.
        variables: Variables of the task's container, from `process.containerOptions`.
        volumes: `aws.batch.volumes`, each `/path` or `/host:/container[:ro]`.
        poll_seconds: `executor.pollInterval`.
        max_spot_attempts: `aws.batch.maxSpotAttempts`; 0 sends no retry strategy.
        max_transfer_attempts: `aws.batch.maxTransferAttempts`, told to the task's client.
        storage_options: The options that `aws.client.storageEncryption` and its like add to `aws`.
        labels: `process.resourceLabels`, the jobs' tags.
    """

    region: str
    queue: str
    work_dir: str
    container: str
    cli_path: str | None = None
    job_role: str | None = None
    logs_group: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    poll_seconds: float = 10
    max_spot_attempts: int = 0
    max_transfer_attempts: int = 5
    storage_options: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def cli(self) -> str:
        """The client as Nextflow writes it into scripts, region and all."""
        return f"{self.cli_path or 'aws'} --region {self.region}"


def from_config(
    config: Mapping[str, Value], environment: Mapping[str, str], work_dir: str | None
) -> Settings:
    """Picks the executor's settings; the head's `NF_` variables fill what the configuration lacks.

    Args:
        config: The resolved configuration, keys joined by dots.
        environment: The head's environment.
        work_dir: The value of `-w`, which wins over `workDir`.

    Raises:
        Refused: The configuration is not one for AWS Batch, or lacks what every run needs.
    """

    def setting(key: str, *variables: str) -> str | None:
        named = (environment.get(variable) for variable in variables)
        return configuration.text(config, key) or next((value for value in named if value), None)

    executor = setting("process.executor") or "awsbatch"
    if executor != "awsbatch":
        raise Refused(f"process.executor is {executor!r}; a rehearsal replays 'awsbatch' only")
    labels, volumes = config.get("process.resourceLabels"), config.get("aws.batch.volumes", [])
    return Settings(
        region=_required("aws.region", setting("aws.region", "AWS_REGION", "AWS_DEFAULT_REGION")),
        queue=_required("process.queue", setting("process.queue", "NF_JOB_QUEUE")),
        work_dir=_bucket_dir(work_dir or setting("workDir", "NXF_WORK", "NF_WORKDIR")),
        container=_required("process.container", setting("process.container")),
        cli_path=_cli_path(setting("aws.batch.cliPath", "NF_AWS_CLI")),
        job_role=setting("aws.batch.jobRole", "NF_JOB_ROLE"),
        logs_group=setting("aws.batch.logsGroup", "NF_LOG_GROUP"),
        variables=_variables(setting("process.containerOptions") or ""),
        volumes=volumes if isinstance(volumes, list) else str(volumes).split(","),
        poll_seconds=_poll_seconds(config),
        max_spot_attempts=int(setting("aws.batch.maxSpotAttempts") or 0),
        max_transfer_attempts=int(
            setting("aws.batch.maxTransferAttempts", "AWS_MAX_ATTEMPTS") or 5
        ),
        storage_options=_storage_options(config),
        labels=labels if isinstance(labels, dict) else {},
    )


def _required(key: str, value: str | None) -> str:
    """Refuses a configuration without a setting that every run on AWS Batch needs."""
    if value is None:
        raise Refused(f"the configuration has no {key}: Nextflow needs one to run on AWS Batch")
    return value


def _bucket_dir(value: str | None) -> str:
    """The work directory, which must be a folder in a bucket."""
    work_dir = _required("workDir", value).rstrip("/")
    if not work_dir.startswith("s3://") or "/" not in work_dir.removeprefix("s3://"):
        raise Refused(f"workDir is {work_dir!r}; awsbatch needs s3://BUCKET/FOLDER")
    return work_dir


def _cli_path(value: str | None) -> str | None:
    """The task's client; its grandparent is mounted, so Nextflow insists on the last names."""
    if value is not None and not (value.startswith("/") and value.endswith("/bin/aws")):
        raise Refused(f"aws.batch.cliPath is {value!r}; it must be absolute and end in /bin/aws")
    return value


def _variables(options: str) -> dict[str, str]:
    """The variables that container options set; of these options, no other is replayed."""
    words = shlex.split(options)
    pairs = [b for a, b in itertools.pairwise(words) if a in {"-e", "--env"}]
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _poll_seconds(config: Mapping[str, Value]) -> float:
    """How often the executor asks for its jobs; the executor's own scope wins."""
    for key in ("executor.$awsbatch.pollInterval", "executor.pollInterval"):
        if written := configuration.text(config, key):
            return configuration.seconds(written)
    return configuration.seconds(_DEFAULT_POLL_INTERVAL)


def _storage_options(config: Mapping[str, Value]) -> str:
    """The encryption options of every `aws s3 cp`, each with a trailing blank."""
    options = ""
    for key, option in (("storageEncryption", "--sse"), ("storageKmsKeyId", "--sse-kms-key-id")):
        if value := configuration.text(config, f"aws.client.{key}"):
            options += f"{option} {value} "
    return options
