"""What is known of a run at one moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nfbatch import output, record, tasks

if TYPE_CHECKING:
    from nfbatch.aws import Aws
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
    """

    run: Run
    deployment: Deployment
    record: dict[str, Any] | None
    living: dict[str, int]

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
    living: Counter[str] = Counter()
    # A head that has ended has ended its tasks too.
    if found is not None and not head.has_ended:
        jobs = tasks.alive(aws, deployment, head, found)
        living.update(job["status"] for job in jobs)
    return Progress(head, deployment, found, dict(living))
