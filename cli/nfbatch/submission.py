"""The SubmitJob request of a run."""

from __future__ import annotations

import json
import re
import secrets
import signal
import threading
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nfbatch.aws import Aws
    from nfbatch.upload import Uploads

# "Container Overrides length must be at most 8192"
_LONGEST_OVERRIDES = 8192
LONGEST_NAME = 128
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is easily taken for another
#: Why a job of a cancelled launch ends.
CANCELLED = "the launch was cancelled"


def check_name(name: str) -> str:
    """A name that Batch accepts.

    Raises:
        NfbatchError: Batch does not accept it.
    """
    if not _NAME.fullmatch(name):
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"the name {name!r} is not allowed: it must be up to {LONGEST_NAME} letters, digits,"
            " hyphens and underscores, and begin with a letter or digit",
        )
    return name


def make_name(project: str) -> str:
    """A name for a run of a project, which no other run has."""
    path = PurePosixPath(project.rstrip("/"))
    stem = path.name if path.name not in ("", ".", "..") else "run"
    if stem == "main.nf":
        stem = path.parent.name or "run"
    stem = re.sub(r"\.(git|nf|zip|tar|tgz|tbz2|txz)(\.\w+)?$", "", stem)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "run"
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"{stem[: LONGEST_NAME - len(suffix) - 1]}-{suffix}"


def request(
    *,
    name: str,
    queue: str,
    job_definition: str,
    words: Sequence[str],
    variables: Mapping[str, str],
    requirements: Mapping[str, int | None],
    share: str | None,
    labels: Mapping[str, str],
    uploads: Uploads,
) -> dict[str, Any]:
    """The request.

    Args:
        name: The job's name.
        queue: The queue.
        job_definition: The head's job definition.
        words: The arguments of `nextflow run`, the project first.
        variables: Variables of the head.
        requirements: `VCPU` and `MEMORY` of the head; the job definition's where not given.
        share: The share of a queue that has shares; None for another queue.
        labels: Tags of the job.
        uploads: Takes arguments that are too long for Batch.
    """
    resources = [
        {"type": kind, "value": str(value)} for kind, value in requirements.items() if value
    ]

    def overrides(words: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
        return {
            "command": list(words),
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            **({"resourceRequirements": resources} if resources else {}),
        }

    chosen = overrides(words, variables)
    # Batch accepts no empty string in a command.
    if len(json.dumps(chosen)) > _LONGEST_OVERRIDES or "" in words:
        rest = json.dumps(list(words[1:]), ensure_ascii=False).encode()
        file = uploads.plan(f"{name}.arguments.json", rest)
        chosen = overrides(words[:1], {**variables, "NF_ARGUMENTS": str(file)})
    return {
        "jobName": name,
        "jobQueue": queue,
        "jobDefinition": job_definition,
        "containerOverrides": chosen,
        **({"shareIdentifier": share} if share else {}),
        **({"tags": dict(labels)} if labels else {}),
    }


def submit(aws: Aws, requests: Sequence[dict[str, Any]]) -> list[str]:
    """Submits all requests, or none: what was submitted is terminated if one fails.

    Returns:
        The jobs' ids.
    """
    batch = aws.client("batch")
    submitted: list[str] = []
    try:
        for each in requests:
            # Interrupted within the call, nobody would know the job's id.
            with _uninterrupted():
                submitted.append(str(batch.submit_job(**each)["jobId"]))
    except BaseException:
        for job in submitted:
            batch.terminate_job(jobId=job, reason=CANCELLED)
        raise
    return submitted


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C to the end of the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if received:
        raise KeyboardInterrupt
