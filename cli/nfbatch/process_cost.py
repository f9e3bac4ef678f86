"""Cost by process: what was asked for against what was used, and what to ask for."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nfbatch.cost import Cost, Part
    from nfbatch.usage import Usage

_GIB = 1024
#: Memory varies between samples, and a task without enough of it is killed.
_HEADROOM = 1.25
#: Suggestions that save less are noise.
_WORTH = 0.1


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What to ask for instead.

    Attributes:
        cpus: vCPUs.
        memory_gib: GiB.
        saved_usd: What it would have saved.
    """

    cpus: int
    memory_gib: int
    saved_usd: float

    def __str__(self) -> str:
        return f"cpus = {self.cpus}; memory = {self.memory_gib}.GB"


@dataclass(frozen=True, kw_only=True)
class ProcessCost:
    """What the tasks of a process cost.

    Attributes:
        process: Its name.
        parts: What they cost.
        tasks: How many ran.
        cpus: How many vCPUs a task asked for at most.
        cpus_used: How many a task used on average; None if unknown.
        memory_mib: How much memory a task asked for at most.
        peak_mib: How much a task used at most; None if unknown.
        suggestion: What to ask for instead; None if unknown, or if it would save little.
    """

    process: str
    parts: Sequence[Part]
    tasks: int
    cpus: float
    cpus_used: float | None
    memory_mib: int
    peak_mib: float | None
    suggestion: Suggestion | None

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(part.usd for part in self.parts)

    @property
    def wasted_usd(self) -> float | None:
        """The part of it for vCPUs and memory that were not used; None if unknown.

        A task pays for the scarcer of both. So at least what it used of that one was needed.
        """
        measured = [part for part in self.parts if _used(part.usage) is not None]
        if not measured:
            return None
        return sum(part.usd * (1 - (_used(part.usage) or 0)) for part in measured)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        advice = self.suggestion
        return {
            "process": self.process,
            "tasks": self.tasks,
            "hours": sum(part.hours for part in self.parts),
            "usd": self.usd,
            "on_demand_usd": sum(part.on_demand_usd for part in self.parts),
            "wasted_usd": self.wasted_usd,
            "cpus": self.cpus,
            "cpus_used": self.cpus_used,
            "memory_mib": self.memory_mib,
            "peak_mib": self.peak_mib,
            "suggestion": advice and vars(advice),
        }


def by_process(cost: Cost) -> list[ProcessCost]:
    """The processes of a run, the most expensive first.

    Args:
        cost: What the run cost.
    """
    found: defaultdict[str, list[Part]] = defaultdict(list)
    for part in cost.parts:
        found[part.usage.process].append(part)
    processes = [_process(cost, name, parts) for name, parts in found.items()]
    return sorted(processes, key=lambda process: -process.usd)


def _process(cost: Cost, name: str, parts: Sequence[Part]) -> ProcessCost:
    tasks = list({part.usage.job: part.usage for part in parts}.values())
    cpus = [task.cpus_used for task in tasks if task.cpus_used is not None]
    peaks = [task.peak_mib for task in tasks if task.peak_mib is not None]
    return ProcessCost(
        process=name,
        parts=parts,
        tasks=len(tasks),
        cpus=max(task.vcpus for task in tasks),
        cpus_used=sum(cpus) / len(cpus) if cpus else None,
        memory_mib=max(task.memory_mib for task in tasks),
        peak_mib=max(peaks, default=None),
        suggestion=_suggest(cost, tasks, parts),
    )


def _suggest(cost: Cost, tasks: Iterable[Usage], parts: Sequence[Part]) -> Suggestion | None:
    """What the largest of the tasks needed, with some room."""
    completed = [task for task in tasks if task.status == "COMPLETED"]
    cpus = [task.cpus_used for task in completed if task.cpus_used]
    peaks = [task.peak_mib for task in completed if task.peak_mib]
    if not cpus or not peaks:
        return None
    wanted_cpus = max(1, math.ceil(round(max(cpus), 1)))
    wanted_gib = max(1, math.ceil(max(peaks) * _HEADROOM / _GIB))
    saved = 0.0
    for part in parts:
        usage = part.usage
        # On the same instance. More than was asked for is no saving.
        fewer = min(wanted_cpus, usage.vcpus), min(wanted_gib * _GIB, usage.memory_mib)
        rate = cost.rates.find(part.environment, *fewer, part.type)
        if rate is not None:
            saved += part.usd - rate.usd * part.hours
    if saved < _WORTH * sum(part.usd for part in parts) or not saved:
        return None
    most = max(task.vcpus for task in tasks), max(task.memory_mib for task in tasks)
    return Suggestion(
        cpus=min(wanted_cpus, math.ceil(most[0])),
        memory_gib=min(wanted_gib, math.ceil(most[1] / _GIB)),
        saved_usd=saved,
    )


def _used(usage: Usage) -> float | None:
    """The larger part of what a task asked for that it used, over its whole time on its hosts."""
    if usage.cpus_used is None or usage.peak_mib is None or not usage.vcpus:
        return None
    own = min(1.0, (usage.realtime or 0) / usage.milliseconds) if usage.milliseconds else 1.0
    memory = usage.peak_mib / usage.memory_mib if usage.memory_mib else 0.0
    return min(1.0, max(usage.cpus_used / usage.vcpus, memory) * own)
