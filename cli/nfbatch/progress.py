"""What is known of a run at one moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch import cost, output, record, run_usage, tasks, usage

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.cost import Cost
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run

#: The states of tasks, in the order in which they are shown.
STATES = (*tasks.ALIVE, "COMPLETED", "CACHED", "FAILED", "ABORTED")


@dataclass(frozen=True)
class Progress:
    """A run at one moment.

    Attributes:
        run: The run.
        deployment: The deployment.
        record: Its run.json; None before the head has written it.
        living: How many tasks are in each state, of those that have not ended.
        cost: What it has cost so far; None if that is unknown.
    """

    run: Run
    deployment: Deployment
    record: dict[str, Any] | None
    living: dict[str, int]
    cost: Cost | None

    @property
    def tasks(self) -> dict[str, int]:
        """How many tasks are in each state, without the states that no task is in."""
        ended = {
            state.upper(): count for state, count in (self.record or {}).get("tasks", {}).items()
        }
        counts = self.living | ended
        return {state: counts[state] for state in STATES if counts.get(state)}

    @property
    def processes(self) -> dict[str, dict[str, int]]:
        """How many tasks of each process ended how."""
        found: dict[str, dict[str, int]] = (self.record or {}).get("processes", {})
        return found

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The attempts, as run.json tells them."""
        found: list[dict[str, Any]] = (self.record or {}).get("attempts", [])
        return found

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        known = self.record or {}
        return {
            **self.run.as_json(),
            "deployment": self.deployment.name,
            "project": known.get("project"),
            "revision": known.get("revision"),
            "arguments": known.get("arguments"),
            "session": known.get("session"),
            "tasks": self.tasks,
            "processes": self.processes,
            "attempts": self.attempts,
            "usd": self.cost and self.cost.usd,
            "logs": str(self.run.logs(self.deployment)),
            "updated": output.moment(known.get("updated")),
        }


def look(aws: Aws, deployment: Deployment, head: Run) -> Progress:
    """What is known of a run now.

    Args:
        aws: The account and region.
        deployment: The deployment.
        head: The run.
    """
    found = record.read(aws, head.logs(deployment))
    living: list[dict[str, Any]] = []
    # A head that has ended has ended its tasks too.
    if found is not None and not head.has_ended:
        living = tasks.alive(aws, deployment, head, found)
    counts = Counter(str(job["status"]) for job in living)
    return Progress(
        head, deployment, found, dict(counts), _cost(aws, deployment, head, found, living)
    )


def _cost(
    aws: Aws,
    deployment: Deployment,
    head: Run,
    known: dict[str, Any] | None,
    living: list[dict[str, Any]],
) -> Cost | None:
    """What a run has cost, without asking for each task that has ended, as `nfbatch cost` does."""
    if not head.job.get("startedAt"):
        return None
    rows = run_usage.table(aws, known)
    if run_usage.is_missing(rows, known):
        return None
    usages = [
        *(usage.of_task(row, None) for row in rows),
        *run_usage.of_jobs(living, known),
        run_usage.of(head),
    ]
    try:
        return cost.estimate(aws, deployment, usages, asks_ecs=False)
    except aws.client("batch").exceptions.ClientError:
        # Whoever may see runs need not be allowed to see compute environments.
        return None
