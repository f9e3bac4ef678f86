"""The compute environments of a settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_batch import Capacity
from nextflow_batch.instance_types import unknown_reason
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator


class ComputeEnvironment(Capacity):
    """One managed compute environment on EC2."""

    def conflicts(self) -> Iterator[Problem]:
        """The library's, and types that its table lacks: who has a checkout can renew it."""
        for position, name in enumerate(self.instance_types):
            if reason := unknown_reason(name):
                text = f"{quote(name)} is not allowed: {reason}"
                yield Problem(("instance_types", position), text)
        yield from super().conflicts()
