"""`nfbatch` with large runs: API calls and client time, against a client that asks one by one.

The AWS is a stand-in in this process that answers at once from memory, in pages as large as those
of the real one. So the time is the client's own, and the calls are those that AWS would count.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import subprocess
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from benchmarks import report
from benchmarks.report import Figure
from nfbatch import options
from nfbatch.__main__ import run
from nfbatch.aws import Aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TASKS, RUNS = 10_000, 1_000
LIVING = 1_000
#: A run's head, and its session.
HEAD, SESSION = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
QUEUES = ("default", "highpriority", "heads")
_ACCOUNT = "arn:aws:batch:us-west-2:123456789012"
_NOW = int(time.time() * 1000)
#: ListJobs returns so many with a status, and with a filter; DescribeJobs takes so many.
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (maxResults)
_BY_STATUS, _FILTERED, _DESCRIBED = 1000, 100, 100
_TARGET_SECONDS, _TARGET_START = 2.0, 0.25
_STARTS = 5
_DOCUMENT = {
    "format": 1,
    "deployment": "lab",
    "job_definition": "nextflow",
    "head_queue": "heads",
    "queues": QUEUES,
    "logs": "s3://bucket/_nextflow/logs",
    "runs": "s3://bucket/_nextflow/runs",
    "uploads": "s3://bucket/_nextflow/launch",
    "log_group": "lab",
}


def _job(job: str, name: str, queue: str, definition: str, **changes: Any) -> dict[str, Any]:
    asked = [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "8192"}]
    return {
        "jobId": job,
        "jobArn": f"{_ACCOUNT}:job/{job}",
        "jobName": name,
        "jobQueue": f"{_ACCOUNT}:job-queue/{queue}",
        "jobDefinition": f"{_ACCOUNT}:job-definition/{definition}:1",
        "status": "RUNNING",
        "createdAt": _NOW - 3_600_000,
        "startedAt": _NOW - 3_000_000,
        "container": {"command": ["hello"], "resourceRequirements": asked},
        "tags": {"nextflow-session": SESSION},
    } | changes


def _jobs() -> dict[str, dict[str, Any]]:
    """A running head with living tasks, and heads that have ended."""
    found = [_job(HEAD, "large", "heads", "nextflow")]
    found += [
        _job(
            str(uuid.UUID(int=10_000 + n)),
            f"run-{n}",
            "heads",
            "nextflow",
            status="SUCCEEDED",
            stoppedAt=_NOW,
        )
        for n in range(RUNS - 1)
    ]
    found += [
        _job(str(uuid.UUID(int=100_000 + n)), f"ALIGN_{n}", "default", "nf-task")
        for n in range(LIVING)
    ]
    return {job["jobId"]: job for job in found}


def _files() -> dict[str, bytes]:
    """run.json and the table of a run with many tasks."""
    logs = f"_nextflow/logs/run-{HEAD}"
    record = {
        "format": 1,
        "session": {"id": SESSION, "folder": f"s3://bucket/_nextflow/runs/run-{HEAD}"},
        "tasks": {"completed": TASKS - LIVING},
        "processes": {f"PROCESS_{n}": {"completed": (TASKS - LIVING) // 20} for n in range(20)},
        "attempts": [{"number": 1, "state": "RUNNING", "logs": f"s3://bucket/{logs}/a1"}],
    }
    columns = (
        "native_id name process status realtime %cpu peak_rss queue cpus memory start complete"
    )
    rows = ["\t".join(columns.split())]
    for n in range(TASKS - LIVING):
        process = f"PROCESS_{n % 20}"
        values = (
            *(str(uuid.UUID(int=200_000 + n)), f"{process} ({n})", process, "COMPLETED"),
            *("5m 3s", "180.0%", "2.1 GB", "default", "2", "8 GB"),
            *(str(_NOW - 2_000_000), str(_NOW - 1_000_000)),
        )
        rows.append("\t".join(values))
    return {
        f"{logs}/run.json": json.dumps(record).encode(),
        f"{logs}/a1/tasks.tsv": "\n".join(rows).encode(),
    }


@dataclass
class StandIn:
    """AWS in memory, behind real clients of boto3.

    Attributes:
        calls: How often each operation was called.
    """

    calls: Counter[str] = field(default_factory=Counter)
    _known: dict[str, dict[str, Any]] = field(default_factory=_jobs)
    _stored: dict[str, bytes] = field(default_factory=_files)

    def attach(self, client: Any) -> Any:
        """Has a client answered from here: botocore sends nothing when a hook answers.

        Args:
            client: A client of boto3.
        """

        def answer(model: Any, params: Any, **_: Any) -> tuple[Any, Any]:
            self.calls[model.name] += 1
            asked = json.loads(params["body"]) if _is_json(params["body"]) else params
            parsed = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", model.name).lower())(asked)
            meta = {"RequestId": "-", "HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
            return _Response(200), parsed | {"ResponseMetadata": meta}

        client.meta.events.register("before-call", answer)
        return client

    def get_parameters_by_path(self, _: Any) -> dict[str, Any]:
        """The deployment's document."""
        name = "/nextflow-batch/lab"
        return {"Parameters": [{"Name": name, "Value": json.dumps(_DOCUMENT)}]}

    def list_jobs(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A page of jobs."""
        wanted = asked.get("filters", [])
        jobs = [
            job
            for job in self._known.values()
            if job["jobQueue"].endswith(f"/{asked['jobQueue']}")
            and (
                any(
                    f"/{value}:" in job["jobDefinition"]
                    for each in wanted
                    for value in each["values"]
                )
                if wanted
                else job["status"] == asked.get("jobStatus", "RUNNING")
            )
        ]
        at, size = int(asked.get("nextToken", 0)), _FILTERED if wanted else _BY_STATUS
        names = ("jobId", "jobArn", "jobName", "status", "createdAt", "jobDefinition")
        page = [{name: job[name] for name in names} for job in jobs[at : at + size]]
        more = {"nextToken": str(at + size)} if at + size < len(jobs) else {}
        return {"jobSummaryList": page} | more

    def describe_jobs(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Jobs by their ids."""
        if len(asked["jobs"]) > _DESCRIBED:
            raise ValueError(asked)
        return {"jobs": [self._known[job] for job in asked["jobs"] if job in self._known]}

    def describe_job_queues(self, _: Any) -> dict[str, Any]:
        """The queues, with one Spot environment."""
        order = [{"order": 1, "computeEnvironment": "spot"}]
        return {
            "jobQueues": [
                {"jobQueueName": name, "computeEnvironmentOrder": order} for name in QUEUES
            ]
        }

    def describe_compute_environments(self, _: Any) -> dict[str, Any]:
        """The Spot environment of the default settings."""
        types = [f"{kind}{generation}" for kind in "mcr" for generation in ("6i", "7i", "6a", "7a")]
        environment = {
            "computeEnvironmentName": "spot",
            "computeEnvironmentArn": "spot",
            "ecsClusterArn": "cluster/spot",
            "computeResources": {"type": "SPOT", "instanceTypes": types},
        }
        return {"computeEnvironments": [environment]}

    def describe_spot_price_history(self, _: Any) -> dict[str, Any]:
        """No Spot prices."""
        return {"SpotPriceHistory": []}

    def get_object(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A file."""
        path = asked["url_path"].removeprefix("/bucket/").lstrip("/")
        return {"Body": io.BytesIO(self._stored[path])}


@dataclass
class _Response:
    status_code: int


def _is_json(body: Any) -> bool:
    return isinstance(body, bytes | str) and body[:1] in (b"{", "{")


class _Clients(Aws):
    """The clients of `nfbatch`, which a stand-in answers."""

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(region="us-west-2")
        self._stand_in = stand_in

    def client(self, service: str) -> Any:
        is_new = service not in self._clients
        client = super().client(service)
        return self._stand_in.attach(client) if is_new else client


def _one_by_one_list(batch: Any) -> None:
    """Runs as a loop in a shell script would list them: a page of summaries, a call for each."""
    for queue in QUEUES:
        wanted = [{"name": "JOB_DEFINITION", "values": ["nextflow"]}]
        for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, filters=wanted):
            for job in page["jobSummaryList"]:
                batch.describe_jobs(jobs=[job["jobId"]])


def _one_by_one_status(batch: Any) -> None:
    """The state of each task of a run, asked one by one."""
    batch.describe_jobs(jobs=[HEAD])
    for number in range(TASKS):
        batch.describe_jobs(jobs=[str(uuid.UUID(int=100_000 + number))])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _command(stand_in: StandIn, words: Sequence[str]) -> None:
    clients = _Clients(stand_in)
    before = options.connect
    options.connect = lambda *_: clients
    try:
        with _quiet():
            status = run(list(words))
        if status:
            raise RuntimeError(words, status)
    finally:
        options.connect = before


def _compare(title: str, words: Sequence[str], one_by_one: Callable[[Any], None]) -> list[Figure]:
    own, other = StandIn(), StandIn()
    wall, cpu = _timed(lambda: _command(own, words))
    batch = other.attach(boto3.client("batch", region_name="us-west-2", config=Config()))
    other_wall, _ = _timed(lambda: one_by_one(batch))
    calls, others = sum(own.calls.values()), sum(other.calls.values())
    return [
        Figure(metric=f"{title}: calls", value=calls, unit="", target=_told(own.calls)),
        Figure(metric=f"{title}, one by one: calls", value=others, unit=""),
        Figure(metric=f"{title}: fewer calls", value=round(others / calls, 1), unit="times"),
        Figure(
            metric=f"{title}: client time",
            value=round(wall, 2),
            unit="s",
            target=f"at most {_TARGET_SECONDS:g}",
            ok=wall <= _TARGET_SECONDS,
        ),
        Figure(metric=f"{title}: CPU time", value=round(cpu, 2), unit="s"),
        Figure(metric=f"{title}, one by one: client time", value=round(other_wall, 2), unit="s"),
    ]


def _told(calls: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items()))


def _start() -> list[Figure]:
    """The best of several starts: what the machine does besides only makes a start longer."""

    def started(*words: str) -> tuple[float, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        taken = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return taken, cpu

    def best(*words: str) -> tuple[float, float]:
        times = [started(*words) for _ in range(_STARTS)]
        return min(wall for wall, _ in times), min(cpu for _, cpu in times)

    wall, cpu = best("-m", "nfbatch", "--version")
    _, bare = best("-c", "")
    return [
        Figure(
            metric="start (--version)",
            value=round(wall, 3),
            unit="s",
            target=f"at most {_TARGET_START:g}",
            ok=wall <= _TARGET_START,
        ),
        Figure(metric="start: CPU time", value=round(cpu, 3), unit="s"),
        Figure(metric="start: CPU time of a bare Python", value=round(bare, 3), unit="s"),
    ]


def main() -> None:
    """Run the benchmark."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    figures = [
        *_start(),
        *_compare(f"list of {RUNS:,} runs", ["list", "--all"], _one_by_one_list),
        *_compare(f"status of {TASKS:,} tasks", ["status", HEAD], _one_by_one_status),
    ]
    # Linux counts in KiB; the stand-in's own memory is in it.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(
        Figure(metric="maximum memory, with the stand-in", value=round(memory), unit="MiB")
    )
    figures.append(
        Figure(metric="load of the machine", value=round(os.getloadavg()[0], 1), unit="")
    )
    report.write("cli", figures)


if __name__ == "__main__":
    main()
