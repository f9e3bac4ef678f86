"""What a task asked for and used: Batch knows the first, the head's table both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MIB = 1024 * 1024
_UNITS = {"B": 1, "KB": 1024, "MB": _MIB, "GB": 1024**3, "TB": 1024**4}
_MEMORY = re.compile(r"([\d.]+) ?([KMGT]?B)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([\d.]+)(ms|s|m|h|d)")


@dataclass(frozen=True)
class Stay:
    """The time of a task on one host.

    Attributes:
        started: In milliseconds since 1970.
        stopped: Likewise; for a task that runs, now.
        host: ARN of the container instance; None if it is unknown.
    """

    started: int
    stopped: int
    host: str | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a task asked for and used.

    Attributes:
        name: Its name.
        process: Its process.
        status: Nextflow's, or Batch's of a task that has not ended.
        job: Id of its job.
        exit: Its exit status; `-` if it has none.
        hash: The beginning of its work directory; `-` if it is unknown.
        queue: Name of its queue.
        vcpus: How many vCPUs it asked for.
        memory_mib: How much memory it asked for.
        stays: When and where it ran: one for each attempt of its job.
        realtime: Milliseconds of its own script; None if unknown.
        cpus_used: How many vCPUs its script used on average; None if unknown.
        peak_mib: The most memory it used; None if unknown.
    """

    name: str
    process: str
    status: str
    job: str
    exit: str
    hash: str
    queue: str
    vcpus: float
    memory_mib: int
    stays: tuple[Stay, ...]
    realtime: int | None = None
    cpus_used: float | None = None
    peak_mib: float | None = None

    @property
    def milliseconds(self) -> int:
        """How long it was on its hosts."""
        return sum(stay.stopped - stay.started for stay in self.stays)


def of_task(row: Mapping[str, str], job: dict[str, Any] | None) -> Usage:
    """The usage of a task that has ended.

    Args:
        row: Its row in the head's table.
        job: Its job; None if Batch has forgotten it.
    """
    name = row.get("name") or "-"
    memory = _bytes(row.get("memory"))
    peak = _bytes(row.get("peak_rss"))
    percent = _number((row.get("%cpu") or "").removesuffix("%"))
    started, stopped = _number(row.get("start")), _number(row.get("complete"))
    stays: tuple[Stay, ...] = ()
    if started and stopped:
        stays = (Stay(int(started), int(stopped)),)
    found = Usage(
        name=name,
        process=row.get("process") or name.partition(" (")[0],
        status=row.get("status") or "-",
        job=row.get("native_id") or "-",
        exit=row.get("exit") or "-",
        hash=row.get("hash") or "-",
        queue=(row.get("queue") or "").rpartition("/")[2],
        vcpus=_number(row.get("cpus")) or 0,
        memory_mib=int((memory or 0) / _MIB),
        stays=stays,
        realtime=_duration(row.get("realtime")),
        cpus_used=None if percent is None else percent / 100,
        peak_mib=None if not peak else peak / _MIB,
    )
    return found if job is None else _with_job(found, job)


def of_job(job: dict[str, Any], processes: Iterable[str]) -> Usage:
    """The usage of a task that is in no table.

    Args:
        job: Its job.
        processes: Names of the run's processes: Nextflow names a job as its task, in fewer letters.
    """
    name = str(job["jobName"])
    matching = [each for each in processes if name.startswith(_of_job(each))]
    exit_status = job.get("container", {}).get("exitCode")
    ended = {"SUCCEEDED": "COMPLETED"}
    found = Usage(
        name=name,
        process=max(matching, key=len) if matching else name,
        status=ended.get(job["status"], job["status"]),
        job=job["jobId"],
        exit="-" if exit_status is None else str(exit_status),
        hash="-",
        queue="",
        vcpus=0,
        memory_mib=0,
        stays=(),
    )
    return _with_job(found, job)


def _with_job(found: Usage, job: dict[str, Any]) -> Usage:
    """What Batch knows better than the table: each attempt, also of a host that was lost."""
    container = job.get("container", {})
    asked = {each["type"]: each["value"] for each in container.get("resourceRequirements", [])}
    stays = [
        Stay(each["startedAt"], each["stoppedAt"], each["container"].get("containerInstanceArn"))
        for each in job.get("attempts", [])
        if "startedAt" in each and "stoppedAt" in each
    ]
    if job["status"] == "RUNNING" and job.get("startedAt"):
        stays.append(Stay(job["startedAt"], output.now(), container.get("containerInstanceArn")))
    elif not stays and job.get("startedAt") and job.get("stoppedAt"):
        host = container.get("containerInstanceArn")
        stays.append(Stay(job["startedAt"], job["stoppedAt"], host))
    return Usage(
        **vars(found)
        | {
            "queue": str(job["jobQueue"]).rpartition("/")[2],
            "vcpus": float(asked.get("VCPU") or container.get("vcpus") or found.vcpus),
            "memory_mib": int(asked.get("MEMORY") or container.get("memory") or found.memory_mib),
            "stays": tuple(stays) or found.stays,
        }
    )


def _of_job(name: str) -> str:
    """A name as Nextflow writes it into a job's name."""
    # https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchTaskHandler.groovy#L961
    return re.sub(r"[^a-zA-Z0-9_-]", "", name.replace(" ", "_"))[:128]


def _bytes(text: str | None) -> float | None:
    found = _MEMORY.fullmatch(text or "")
    return float(found[1]) * _UNITS[found[2]] if found else _number(text)


def _duration(text: str | None) -> int | None:
    parts = _DURATION.findall(text or "")
    if parts:
        return int(sum(float(number) * _MILLISECONDS[unit] for number, unit in parts))
    number = _number(text)
    return None if number is None else int(number)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
