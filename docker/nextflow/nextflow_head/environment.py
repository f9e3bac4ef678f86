"""The head's environment variables: one table, which is read, printed and documented.

Each field of `Environment` is a row. `docs/head.md` shows the table; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from nextflow_head.input_error import InputError
from nextflow_head.kind import (
    ATTEMPT,
    AWS_CLI,
    ENDPOINT,
    JOB_ID,
    JOB_QUEUE,
    LABEL_QUEUES,
    LOG_GROUP,
    NUMBER,
    PRIORITY,
    QUEUE_LIMITS,
    REGION,
    REGISTRIES,
    RESUMED_JOB,
    RETRY_MODE,
    ROLE,
    S3_FILE,
    S3_FOLDER,
    S3_FOLDERS,
    SHARE,
    SPOT_ATTEMPTS,
    SWITCH,
    TAG_VALUE,
    TEXT,
    Kind,
)
from nextflow_head.s3_uri import S3Uri


@dataclass(frozen=True)
class Variable:
    """A row of the table.

    Attributes:
        names: The variable, and other names that mean the same; the first that is set counts.
        kind: What is allowed.
        meaning: For the documentation.
        default: For the documentation, where the field's own default does not say it.
        secret: Whether its value may hold a secret, and is not printed.
    """

    names: tuple[str, ...]
    kind: Kind
    meaning: str
    default: str = ""
    secret: bool = False


def _row(
    names: str, kind: Kind, meaning: str, *, default: str = "", secret: bool = False
) -> dict[str, Variable]:
    """The metadata of a field that a variable is read into."""
    return {"variable": Variable(tuple(names.split()), kind, meaning, default, secret)}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The head's environment variables; the row of each says what it is."""

    work: S3Uri = field(metadata=_row("NF_WORKDIR", S3_FOLDER, "S3 location of work directories"))
    logs: S3Uri = field(
        metadata=_row(
            "NF_LOGSDIR",
            S3_FOLDER,
            "S3 location of logs, reports and task caches, where tasks cannot write",
        )
    )
    job_queue: str = field(
        metadata=_row("NF_JOB_QUEUE", JOB_QUEUE, "queue (ARN or name) of the tasks")
    )
    # The SDKs disagree on the name; whoever sets one of them means both.
    region: str = field(
        metadata=_row(
            "AWS_REGION AWS_DEFAULT_REGION",
            REGION,
            "region of queues and buckets; Nextflow gets both variables",
        )
    )
    job_id: str = field(
        metadata=_row(
            "AWS_BATCH_JOB_ID", JOB_ID, "set by Batch; the session id is derived from the job's id"
        )
    )
    attempt: int = field(
        default=1,
        metadata=_row("AWS_BATCH_JOB_ATTEMPT", ATTEMPT, "set by Batch: which attempt this is"),
    )
    own_queue: str | None = field(
        default=None,
        metadata=_row(
            "AWS_BATCH_JQ_NAME", TEXT, "set by Batch: the queue of the head, for run.json"
        ),
    )
    compute_environment: str | None = field(
        default=None, metadata=_row("AWS_BATCH_CE_NAME", TEXT, "set by Batch; only printed")
    )
    resume: str | None = field(
        default=None,
        metadata=_row("NF_RESUME", RESUMED_JOB, "id of the job whose session to resume"),
    )
    arguments: S3Uri | None = field(
        default=None,
        metadata=_row(
            "NF_ARGUMENTS", S3_FILE, "S3 file with further arguments, a JSON list of strings"
        ),
    )
    stores: tuple[S3Uri, ...] = field(
        default=(),
        metadata=_row(
            "NF_STORE_DIRS",
            S3_FOLDERS,
            "S3 folders, separated by commas, that tasks may write too (`storage.store_dirs`)",
            default="none",
        ),
    )
    owner: str | None = field(
        default=None,
        metadata=_row(
            "NF_OWNER", TAG_VALUE, "who runs it, for the tag `nextflow-owner`", default="no tag"
        ),
    )
    on_demand_queue: str | None = field(
        default=None,
        metadata=_row(
            "NF_ON_DEMAND_QUEUE",
            JOB_QUEUE,
            "queue (ARN or name) of tasks that have lost their Spot hosts",
        ),
    )
    spot_attempts: int = field(
        default=1,
        metadata=_row(
            "NF_SPOT_ATTEMPTS",
            SPOT_ATTEMPTS,
            "how often such a task is submitted to its own queue before that",
        ),
    )
    gpu_queue: str | None = field(
        default=None,
        metadata=_row(
            "NF_GPU_QUEUE", JOB_QUEUE, "queue (ARN or name) of tasks with an `accelerator`"
        ),
    )
    label_queues: tuple[tuple[str, str], ...] = field(
        default=(),
        metadata=_row(
            "NF_LABEL_QUEUES",
            LABEL_QUEUES,
            "queues of tasks with a label: `LABEL=QUEUE`, separated by spaces",
            default="none",
        ),
    )
    share: str | None = field(
        default=None,
        metadata=_row(
            "NF_SHARE", SHARE, "share of the tasks, if their queues have shares (`shares`)"
        ),
    )
    priority: int = field(
        default=0,
        metadata=_row("NF_PRIORITY", PRIORITY, "priority of the tasks among those of their share"),
    )
    privileged_tasks: bool = field(
        default=False,
        metadata=_row(
            "NF_PRIVILEGED_TASKS",
            SWITCH,
            "whether tasks may have privileged containers (`head.privileged_tasks`)",
            default="`false`",
        ),
    )
    max_cpus: int | None = field(
        default=None,
        metadata=_row("NF_MAX_CPUS", NUMBER, "vCPUs of the largest task", default="no limit"),
    )
    max_memory: int | None = field(
        default=None,
        metadata=_row("NF_MAX_MEMORY", NUMBER, "MiB of the largest task", default="no limit"),
    )
    queue_limits: tuple[tuple[str, int, int], ...] = field(
        default=(),
        metadata=_row(
            "NF_QUEUE_LIMITS",
            QUEUE_LIMITS,
            "the same for GPUs' and labels' queues: `QUEUE=VCPUS:MIB`, separated by spaces",
            default="as the other tasks",
        ),
    )
    job_role: str | None = field(
        default=None,
        metadata=_row("NF_JOB_ROLE", ROLE, "role (ARN) of the tasks", default="the instance's"),
    )
    log_group: str | None = field(
        default=None,
        metadata=_row(
            "NF_LOG_GROUP", LOG_GROUP, "log group of the tasks", default="`/aws/batch/job`"
        ),
    )
    aws_cli: str = field(
        default="/opt/aws-cli/bin/aws",
        metadata=_row(
            "NF_AWS_CLI", AWS_CLI, "the workers' `aws` command, which is mounted into each task"
        ),
    )
    registries: str | None = field(
        default=None,
        metadata=_row(
            "NF_REGISTRIES",
            REGISTRIES,
            "where copies of the images of registries are: `REGISTRY=PLACE`, separated by spaces;"
            " docker.io is also the registry of images that name none",
            default="no copies",
        ),
    )
    deployment: str | None = field(
        default=None,
        metadata=_row(
            "NF_DEPLOYMENT",
            TAG_VALUE,
            "name of the deployment, for the tag `nextflow-deployment` and the names of job"
            " definitions",
            default="no tag",
        ),
    )
    git_credentials: str | None = field(
        default=None,
        repr=False,
        metadata=_row(
            "NF_SCM",
            TEXT,
            "content of Nextflow's SCM file, from a secret",
            secret=True,
        ),
    )
    endpoint: str | None = field(
        default=None,
        metadata=_row(
            "AWS_ENDPOINT_URL",
            ENDPOINT,
            "address of all AWS services (the local AWS); tasks get it too",
            default="AWS's own",
        ),
    )
    # With Nextflow's 5, a run ends 3 s after S3 or Batch begin to refuse connections.
    max_attempts: int = field(
        default=100, metadata=_row("AWS_MAX_ATTEMPTS", NUMBER, "attempts of each AWS call")
    )
    retry_mode: str = field(
        default="standard",
        metadata=_row("AWS_RETRY_MODE", RETRY_MODE, "retry mode of AWS calls; tasks get it too"),
    )
    jvm_arguments: str = field(
        default="",
        repr=False,
        metadata=_row(
            "NXF_JVM_ARGS",
            TEXT,
            "added after the head's `-Xmx`, so a second one overrides it",
            secret=True,
        ),
    )
    # The JVM's optimizing compiler would work for seconds on code that runs for moments: a start
    # took 6.0 s of CPU time with it, 3.5 s without.
    jvm_options: str = field(
        default="-XX:TieredStopAtLevel=1",
        repr=False,
        metadata=_row(
            "NXF_OPTS", TEXT, "further options of the JVM, in place of the head's", secret=True
        ),
    )

    @classmethod
    def read(cls, container: Mapping[str, str]) -> Environment:
        """Reads and checks the variables; an empty one counts as missing.

        Args:
            container: The container's environment.

        Raises:
            InputError: One line for each variable that is missing or malformed.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for each in fields(cls):
            variable = each.metadata["variable"]
            name = next((name for name in variable.names if container.get(name)), variable.names[0])
            text = container.get(name)
            if not text and each.default is MISSING:
                problems.append(f"{name} is missing: it must be {variable.kind.allowed}")
            elif text and not re.fullmatch(variable.kind.pattern, text):
                problems.append(
                    f"{name}={text!r} is not allowed: it must be {variable.kind.allowed}"
                )
            elif text:
                values[each.name] = variable.kind.read(text)
        if problems:
            raise InputError(*problems)
        return cls(**values)


def table() -> list[tuple[Variable, Any]]:
    """The variables, each with its default; `MISSING` if it is required."""
    return [(each.metadata["variable"], each.default) for each in fields(Environment)]


def printable(container: Mapping[str, str]) -> list[str]:
    """The variables of the table that may be printed, as NAME=VALUE.

    Everything else in the environment may be a secret.
    """
    return [
        f"{name}={container[name]}"
        for variable, _ in table()
        for name in variable.names
        if container.get(name) and not variable.secret
    ]
