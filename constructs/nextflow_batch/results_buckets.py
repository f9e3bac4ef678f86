"""Further buckets that heads publish results to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.names import BucketName
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: An IAM policy holds 6,144 characters.
MOST_RESULTS_BUCKETS = 10
ResultsBuckets = Annotated[list[BucketName], Field(max_length=MOST_RESULTS_BUCKETS)]


def results_conflicts(own: str | None, names: Sequence[str]) -> Iterator[Problem]:
    """The buckets that are named twice.

    A bucket may be a reference bucket too: then tasks may read what heads published.

    Args:
        own: The name of the deployment's bucket, which takes results anyway.
        names: Of further buckets.

    Yields:
        The problems, below `results_buckets`.
    """
    for position, name in enumerate(names):
        if name == own:
            text = (
                f"{quote(name)} is not allowed: it is the deployment's own bucket, which takes"
                " results anyway"
            )
            yield Problem(("results_buckets", position), text)
        elif name in names[:position]:
            text = f"{quote(name)} is not allowed: it is listed twice"
            yield Problem(("results_buckets", position), text)
