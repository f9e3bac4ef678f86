"""Buckets besides the deployment's own: what may be read, and where heads publish results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.names import BucketName
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# An IAM policy holds 6,144 characters.
MOST_REFERENCE_BUCKETS = 20
MOST_RESULTS_BUCKETS = 10
ReferenceBuckets = Annotated[list[BucketName], Field(max_length=MOST_REFERENCE_BUCKETS)]
ResultsBuckets = Annotated[list[BucketName], Field(max_length=MOST_RESULTS_BUCKETS)]


def reference_conflicts(own: str | None, names: Sequence[str]) -> Iterator[Problem]:
    """The buckets that are named twice.

    Args:
        own: The name of the bucket that is read anyway.
        names: Of further buckets that may be read.

    Yields:
        The problems, below `reference_buckets`.
    """
    return _conflicts("reference_buckets", "can be read", own, names)


def results_conflicts(own: str | None, names: Sequence[str]) -> Iterator[Problem]:
    """The buckets that are named twice.

    A bucket may be a reference bucket too: then tasks may read what heads published.

    Args:
        own: The name of the deployment's bucket, which takes results anyway.
        names: Of further buckets.

    Yields:
        The problems, below `results_buckets`.
    """
    return _conflicts("results_buckets", "takes results", own, names)


def _conflicts(
    field: str, purpose: str, own: str | None, names: Sequence[str]
) -> Iterator[Problem]:
    for position, name in enumerate(names):
        if name == own:
            reason = f"it is the deployment's own bucket, which {purpose} anyway"
        elif name in names[:position]:
            reason = "it is listed twice"
        else:
            continue
        yield Problem((field, position), f"{quote(name)} is not allowed: {reason}")
