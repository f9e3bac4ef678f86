"""What the head tells Nextflow's awsbatch executor, as far as `hello` needs it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .speech import Refused

# The head's own values: https://www.nextflow.io/docs/latest/reference/config.html#aws
MAX_SPOT_ATTEMPTS = 5
MAX_TRANSFER_ATTEMPTS = 100
#: Nextflow asks for its jobs every ten seconds; a rehearsal is to be short.
POLL_SECONDS = 1.0


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
        deployment: The deployment that definitions and jobs carry the name of.
    """

    region: str
    queue: str
    work_dir: str
    container: str
    cli_path: str | None = None
    job_role: str | None = None
    logs_group: str | None = None
    deployment: str | None = None

    @property
    def cli(self) -> str:
        """The client as Nextflow writes it into scripts, region and all."""
        return f"{self.cli_path or 'aws'} --region {self.region}"


def from_head(
    environment: Mapping[str, str], configs: list[Path], work_dir: str | None, container: str
) -> Settings:
    """Takes the settings from the head's variables, and the work directory from its configuration.

    Args:
        environment: The head's environment.
        configs: The configuration files, the head's own first.
        work_dir: The value of `-w`, which wins over `workDir`.
        container: The image of the tasks.

    Raises:
        Refused: Something that every run on AWS Batch needs is missing or wrong.
    """
    texts = [path.read_text() for path in configs if path.is_file()]
    found = re.search(r"^\s*workDir\s*=\s*['\"](.+?)['\"]", "\n".join(texts), re.MULTILINE)
    return Settings(
        region=_required(environment, "AWS_REGION", "AWS_DEFAULT_REGION"),
        queue=_required(environment, "NF_JOB_QUEUE"),
        work_dir=_in_bucket(
            work_dir or (found[1] if found else _required(environment, "NXF_WORK", "NF_WORKDIR"))
        ),
        container=container,
        cli_path=_cli_path(environment.get("NF_AWS_CLI") or None),
        job_role=environment.get("NF_JOB_ROLE") or None,
        logs_group=environment.get("NF_LOG_GROUP") or None,
        deployment=environment.get("NF_DEPLOYMENT") or None,
    )


def _required(environment: Mapping[str, str], *names: str) -> str:
    """The first of some variables; a run on AWS Batch needs it."""
    for name in names:
        if environment.get(name):
            return environment[name]
    raise Refused(f"{names[-1]} is not set: Nextflow needs it to run on AWS Batch")


def _in_bucket(work_dir: str) -> str:
    """The work directory, which must be a folder in a bucket."""
    work_dir = work_dir.rstrip("/")
    if not work_dir.startswith("s3://") or "/" not in work_dir.removeprefix("s3://"):
        raise Refused(f"workDir is {work_dir!r}; awsbatch needs s3://BUCKET/FOLDER")
    return work_dir


def _cli_path(value: str | None) -> str | None:
    """The task's client; its grandparent is mounted, so Nextflow insists on the last names."""
    if value is not None and not (value.startswith("/") and value.endswith("/bin/aws")):
        raise Refused(f"NF_AWS_CLI is {value!r}; it must be absolute and end in /bin/aws")
    return value
