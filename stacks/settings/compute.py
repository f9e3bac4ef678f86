"""The compute environments of a settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_batch import Capacity
from nextflow_batch.instance_types import missing
from nextflow_batch.problem import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


class ComputeEnvironment(Capacity):
    """One managed compute environment on EC2."""

    def conflicts(self) -> Iterator[Problem]:
        """The library's, and types that its table lacks: who has a checkout can renew it."""
        for position, name in enumerate(self.instance_types):
            if reason := missing(name):
                text = f"{shown(name)} is not allowed: {reason}"
                yield Problem(("instance_types", position), text)
        yield from super().conflicts()
