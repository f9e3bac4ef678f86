"""The Nextflow configuration of a run, generated from the template `nextflow.config`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from nextflow_head import memory, orphans
from nextflow_head.environment import Environment
from nextflow_head.session import Session

TEMPLATE = Path(__file__).with_name("nextflow.config")
#: The most retries that the CRT, the SDK's library in C for S3, accepts of its caller.
#: https://github.com/awslabs/aws-c-io/blob/main/source/exponential_backoff_retry_strategy.c
CRT_RETRIES = 63


def render(
    environment: Environment,
    session: Session,
    reports: Path,
    heap: int | None,
) -> str:
    """The configuration as text.

    Args:
        environment: The head's variables.
        session: The run's identity.
        reports: The folder for the four reports.
        heap: The Java heap in MiB, or None if the JVM decides.
    """
    labels = {
        "nextflow-run": session.run_name,
        orphans.TAG: session.id,
        "nextflow-deployment": environment.deployment,
        "nextflow-owner": environment.owner,
        "nextflow-share": environment.share,
    }
    endpoint = environment.endpoint
    return _fill(
        TEMPLATE.read_text(),
        {
            "work_dir": _text(str(session.work)),
            "queue": _queue(environment),
            "label_queues": _label_queues(environment),
            "limits": _limits_of_a_task(environment),
            "labels": "[" + ", ".join(f"'{k}': {_text(v)}" for k, v in labels.items() if v) + "]",
            "container_options": _text(f"-e AWS_ENDPOINT_URL={endpoint}") if endpoint else None,
            "region": _text(environment.region),
            "aws_cli": _text(environment.aws_cli),
            "job_role": _text(environment.job_role),
            "log_group": _text(environment.log_group),
            "share": _text(environment.share),
            "priority": str(environment.priority) if environment.share else None,
            "endpoint": _text(endpoint),
            "path_style": "true" if endpoint else None,
            "client_retries": str(min(environment.max_attempts - 1, CRT_RETRIES)),
            "download_buffers": _text(f"{memory.download_buffers(heap)} MB") if heap else None,
            "report": _text(str(reports / "report.html")),
            "timeline": _text(str(reports / "timeline.html")),
            "trace": _text(str(reports / "trace.txt")),
            "dag": _text(str(reports / "dag.html")),
        },
    )


def _queue(environment: Environment) -> str:
    queue = _text(environment.job_queue) or ""
    if environment.gpu_queue is None:
        return queue
    return f"{{ task.accelerator ? {_text(environment.gpu_queue)} : {queue} }}"


def _label_queues(environment: Environment) -> str | None:
    blocks = []
    for label, queue in environment.label_queues:
        limits = _limits(environment, queue)
        blocks += [
            f"withLabel: '{label}' {{",
            f"    queue = {_text(queue)}",
            *([f"    resourceLimits = {limits}"] if limits else []),
            "}",
        ]
    return "\n    ".join(blocks) or None


def _limits_of_a_task(environment: Environment) -> str | None:
    others, gpus = _limits(environment), _limits(environment, environment.gpu_queue)
    if others == gpus:
        return others
    return f"{{ task.accelerator ? {gpus} : {others or '[:]'} }}"


def _limits(environment: Environment, queue: str | None = None) -> str | None:
    """What a task in a queue of its own, or in the others, asks for at most."""
    cpus, memory = environment.max_cpus, environment.max_memory
    for name, most_cpus, most_memory in environment.queue_limits:
        if name == queue:
            cpus, memory = most_cpus, most_memory
    limits = [
        *([f"cpus: {cpus}"] if cpus else []),
        *([f"memory: '{memory} MB'"] if memory else []),
    ]
    return f"[{', '.join(limits)}]" if limits else None


def _text(value: str | None) -> str | None:
    """A literal of Nextflow's configuration language; in single quotes nothing is expanded."""
    if value is None:
        return None
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fill(template: str, values: Mapping[str, str | None]) -> str:
    """Fills in `@name`; a line without a value goes, and so does a block that it leaves empty."""
    lines: list[str] = []
    for line in template.splitlines():
        match = re.search(r" @([a-z_]+)$", line)
        value = values[match[1]] if match else None
        if match is None and line.strip() == "}" and lines[-1].endswith("{"):
            lines.pop()
        elif match is None:
            lines.append(line)
        elif value is not None:
            lines.append(f"{line[: match.start()]} {value}")
        else:
            # Its comment goes with it.
            while lines[-1].lstrip().startswith("//"):
                lines.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"
