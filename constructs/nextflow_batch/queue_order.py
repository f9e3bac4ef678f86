"""Which compute environments serve a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.names import ComputeName
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nextflow_batch.capacity import Capacity

Priority = Annotated[int, Field(ge=0, le=1_000)]


class QueueOrder(Arguments):
    """The compute environments that serve a job queue.

    Attributes:
        priority: Queues of higher priority are served first.
        compute_environments: Names of one to three environments, the preferred one first.
    """

    priority: Priority = Field(description="Queues of higher priority are served first")
    compute_environments: Annotated[tuple[ComputeName, ...], Field(strict=False)] = Field(
        min_length=1,
        max_length=3,  # https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
        description="One to three names of compute environments, the preferred one first",
    )

    def conflicts(self) -> Iterator[Problem]:
        """An environment that is named twice."""
        for position, name in enumerate(self.compute_environments):
            if name in self.compute_environments[:position]:
                text = f"{quote(name)} is not allowed: it is listed twice"
                yield Problem(("compute_environments", position), text)


def queue_conflicts(
    queues: Mapping[str, QueueOrder], capacities: Mapping[str, Capacity]
) -> Iterator[Problem]:
    """What is wrong between queues and compute environments.

    Args:
        queues: Each queue's order, by name.
        capacities: The compute environments, by name.

    Yields:
        The problems, below `queues`.
    """
    spellings: dict[str, str] = {}
    for name, queue in queues.items():
        if (other := spellings.setdefault(name.lower(), name)) != name:
            text = f"is not allowed: must differ from {other} by more than its case"
            yield Problem(("queues", name), text)
        place = ("queues", name, "compute_environments")
        defined = [key for key in queue.compute_environments if key in capacities]
        for position, key in enumerate(queue.compute_environments):
            if key not in capacities:
                text = f"{quote(key)} is not allowed: must be one of {', '.join(capacities)}"
                yield Problem((*place, position), text)
        architectures = sorted({capacities[key].architecture for key in defined})
        if len(architectures) > 1:
            yield Problem(place, f"must be of one architecture, got {' and '.join(architectures)}")
