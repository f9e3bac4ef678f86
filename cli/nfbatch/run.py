"""Runs: the Batch jobs of a deployment's heads."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from nfbatch import output
from nfbatch.error import Kind, NfbatchError
from nfbatch.s3_uri import S3Uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment

ENDED = ("SUCCEEDED", "FAILED")
JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART_OF_ID = re.compile(r"[0-9a-f-]+")
# https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
_DESCRIBED_AT_ONCE = 100
_THREADS = 8
_SHOWN = 5


@dataclass(frozen=True)
class Run:
    """A run, as Batch describes its head.

    Attributes:
        job: The answer of DescribeJobs.
    """

    job: dict[str, Any]

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.job["jobId"])

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.job["jobName"])

    @property
    def queue(self) -> str:
        """The queue's name."""
        return str(self.job["jobQueue"]).rpartition("/")[2]

    @property
    def tags(self) -> dict[str, str]:
        """The job's tags."""
        return dict(self.job.get("tags", {}))

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended."""
        return self.job["status"] in ENDED

    @property
    def state(self) -> str:
        """Batch's status; of a run that failed, what its head says (docs/head.md)."""
        status = str(self.job["status"])
        if status != "FAILED":
            return status
        outcome = self.tags.get("nextflow-outcome")
        if outcome and outcome not in ("RUNNING", "SUCCEEDED"):
            return outcome
        return "CANCELLED" if self.is_stopping else status

    @property
    def is_stopping(self) -> bool:
        """Whether somebody cancelled it."""
        return bool(self.job.get("isTerminated") or self.job.get("isCancelled"))

    @property
    def reason(self) -> str | None:
        """Why it is not running, or how it failed."""
        container = self.job.get("container", {})
        texts = (
            self.tags.get("nextflow-reason") if self.has_ended else None,
            container.get("reason"),
            self.job.get("statusReason"),
        )
        return next((text for text in texts if text), None)

    @property
    def command(self) -> list[str]:
        """The arguments of `nextflow run` in the job's command."""
        return list(self.job.get("container", {}).get("command", []))

    @property
    def variables(self) -> dict[str, str]:
        """The container's variables."""
        entries = self.job.get("container", {}).get("environment", [])
        return {entry["name"]: entry["value"] for entry in entries}

    @property
    def exit(self) -> int | None:
        """The head's exit status."""
        status: int | None = self.job.get("container", {}).get("exitCode")
        return status

    @property
    def milliseconds(self) -> int | None:
        """How long it has been running, or ran."""
        started = self.job.get("startedAt")
        if started is None:
            return None
        return int((self.job.get("stoppedAt") or output.now()) - started)

    def logs(self, deployment: Deployment) -> S3Uri:
        """Where the run's logs and reports are."""
        return deployment.logs / f"run-{self.id}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "batch_status": self.job["status"],
            "reason": self.reason,
            "exit": self.exit,
            "queue": self.queue,
            "owner": self.variables.get("NF_OWNER"),
            "command": self.command,
            "created": output.moment(self.job.get("createdAt")),
            "started": output.moment(self.job.get("startedAt")),
            "stopped": output.moment(self.job.get("stoppedAt")),
            "attempts": len(self.job.get("attempts", [])),
        }


def describe(aws: Aws, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Describes jobs, a hundred with each call; Batch leaves out those that it has forgotten."""
    parts = [ids[at : at + _DESCRIBED_AT_ONCE] for at in range(0, len(ids), _DESCRIBED_AT_ONCE)]
    batch = aws.client("batch")
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = pool.map(lambda part: batch.describe_jobs(jobs=list(part))["jobs"], parts)
    return [job for answer in answers for job in answer]


def newest(aws: Aws, deployment: Deployment, limit: int | None) -> list[Run]:
    """The newest runs, the last one first.

    Args:
        aws: The account and region.
        deployment: Whose runs.
        limit: How many; all that Batch knows when not given.
    """
    chosen = _summaries(aws, deployment, limit)
    return _runs(aws, [summary["jobId"] for summary in chosen])


def find(aws: Aws, deployment: Deployment, name: str) -> Run:
    """The run that a user means.

    Args:
        aws: The account and region.
        deployment: Whose runs.
        name: An id, a name, the beginning of one of them, or `-` for the last run.

    Raises:
        NfbatchError: None or several runs have this name.
    """
    if JOB_ID.fullmatch(name):
        ids = [name]
    elif name == "-":
        ids = [summary["jobId"] for summary in _summaries(aws, deployment, 1)]
    else:
        ids = _matching(aws, deployment, name)
    runs = [run for run in _runs(aws, ids) if is_head(run.job, deployment)]
    if not runs:
        what = "runs" if name == "-" else f"run {name!r}"
        raise NfbatchError(
            Kind.NOT_FOUND,
            f"Batch knows no {what} of {deployment.name}: `nfbatch list --all` shows those of about"
            f" seven days, and {deployment.logs} has the logs of older ones",
        )
    if len(runs) > 1:
        shown = ", ".join(f"{run.name} ({run.id[:8]})" for run in runs[:_SHOWN])
        more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
        raise NfbatchError(
            Kind.NOT_FOUND, f"{name!r} is the name of several runs: choose one of {shown}{more}"
        )
    return runs[0]


def _matching(aws: Aws, deployment: Deployment, name: str) -> list[str]:
    """The ids of the runs with exactly this name, or else of those that begin with it."""
    if _PART_OF_ID.fullmatch(name):
        found = _summaries(aws, deployment, None)
    else:
        found = [
            summary
            for summary in listed(aws, deployment, {"name": "JOB_NAME", "values": [f"{name}*"]})
            if is_head(summary, deployment)
        ]
    # Batch ignores the case of names.
    exact = [entry for entry in found if entry["jobName"].lower() == name.lower()]
    beginning = [
        entry
        for entry in found
        if entry["jobId"].startswith(name) or entry["jobName"].lower().startswith(name.lower())
    ]
    return [entry["jobId"] for entry in exact or beginning]


def is_head(job: dict[str, Any], deployment: Deployment) -> bool:
    """Whether a job is a head of the deployment: by its job definition."""
    definition = str(job.get("jobDefinition", "")).rpartition("/")[2]
    return definition.partition(":")[0] == deployment.job_definition


def _summaries(aws: Aws, deployment: Deployment, limit: int | None) -> list[dict[str, Any]]:
    """The newest heads as ListJobs tells them, the last one first."""
    wanted = {"name": "JOB_DEFINITION", "values": [deployment.job_definition]}
    found = list(listed(aws, deployment, wanted, limit))
    found.sort(key=lambda entry: int(entry["createdAt"]), reverse=True)
    return found[:limit]


def listed(
    aws: Aws, deployment: Deployment, wanted: dict[str, Any], limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """The jobs of all queues as ListJobs tells them.

    Args:
        aws: The account and region.
        deployment: Whose queues.
        wanted: A filter of ListJobs.
        limit: At most so many of each queue, the newest ones.
    """
    paginator = aws.client("batch").get_paginator("list_jobs")

    def of_queue(queue: str) -> list[dict[str, Any]]:
        pages: Iterable[dict[str, Any]] = paginator.paginate(jobQueue=queue, filters=[wanted])
        entries = (entry for page in pages for entry in page["jobSummaryList"])
        return list(islice(entries, limit))

    with ThreadPoolExecutor(_THREADS) as pool:
        for entries in pool.map(of_queue, deployment.queues):
            yield from entries


def _runs(aws: Aws, ids: Sequence[str]) -> list[Run]:
    """The runs of some ids, in their order."""
    described = {job["jobId"]: Run(job) for job in describe(aws, ids)}
    return [described[job] for job in ids if job in described]
