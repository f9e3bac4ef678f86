"""Buckets that may be read besides one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.names import BucketName
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: An IAM policy holds 6,144 characters.
MOST_REFERENCE_BUCKETS = 20
ReferenceBuckets = Annotated[list[BucketName], Field(max_length=MOST_REFERENCE_BUCKETS)]


def reference_conflicts(own: str | None, names: Sequence[str]) -> Iterator[Problem]:
    """The buckets that are named twice.

    Args:
        own: The name of the bucket that is read anyway.
        names: Of further buckets that may be read.

    Yields:
        The problems, below `reference_buckets`.
    """
    for position, name in enumerate(names):
        if name == own:
            text = (
                f"{quote(name)} is not allowed: it is the deployment's own bucket, which can be"
                " read anyway"
            )
            yield Problem(("reference_buckets", position), text)
        elif name in names[:position]:
            text = f"{quote(name)} is not allowed: it is listed twice"
            yield Problem(("reference_buckets", position), text)
