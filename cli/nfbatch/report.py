"""What the report of a run shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch import cost, process_cost, record, run_usage, task_files, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws
    from nfbatch.cost import Cost
    from nfbatch.deployment import Deployment
    from nfbatch.process_cost import ProcessCost
    from nfbatch.run import Run
    from nfbatch.task_files import TaskFiles
    from nfbatch.usage import Usage

#: Failures whose files are shown; each takes five calls.
_READ = 20


@dataclass(frozen=True)
class Failure:
    """A task that failed.

    Attributes:
        usage: The task.
        files: What it left; None if that is gone, or not read.
    """

    usage: Usage
    files: TaskFiles | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run with its tasks, cost and failures.

    Attributes:
        head: The run.
        record: Its run.json; None before the head has written it.
        usages: Its head and tasks.
        cost: What it cost.
        processes: The same by process.
        failures: The tasks that failed.
        made: When, in milliseconds since 1970.
    """

    head: Run
    record: dict[str, Any] | None
    usages: Sequence[Usage]
    cost: Cost
    processes: Sequence[ProcessCost]
    failures: Sequence[Failure]
    made: int


def make(aws: Aws, deployment: Deployment, head: Run, made: int) -> Report:
    """Reads all that a report shows.

    Args:
        aws: The account and region.
        deployment: The deployment.
        head: The run.
        made: The time, in milliseconds since 1970.
    """
    known = record.read(aws, head.logs(deployment))
    usages = run_usage.collect(aws, deployment, head, known)
    found = cost.estimate(aws, deployment, usages)
    work = tasks.work_directory(deployment, head, known)
    failed = [each for each in usages if each.status == "FAILED" and each.job != head.id]
    failures = []
    for at, each in enumerate(failed):
        is_read = at < _READ and each.hash != "-"
        folder = task_files.folder_of_hash(aws, work, each.hash) if is_read else None
        failures.append(Failure(each, task_files.TaskFiles.read(aws, folder) if folder else None))
    return Report(
        head=head,
        record=known,
        usages=usages,
        cost=found,
        processes=process_cost.by_process(found),
        failures=failures,
        made=made,
    )
