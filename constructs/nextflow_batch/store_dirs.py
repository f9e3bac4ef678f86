"""Folders of the bucket, besides work directories, that tasks may write: for `storeDir`.

https://www.nextflow.io/docs/latest/reference/process.html#storedir
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.folders import Folders
from nextflow_batch.names import Prefix
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: An IAM policy holds 6,144 characters.
MOST_STORE_DIRS = 4
StoreDirs = Annotated[list[Prefix], Field(max_length=MOST_STORE_DIRS)]


def store_conflicts(prefix: str, names: Sequence[str]) -> Iterator[Problem]:
    """The folders that are named twice, or that hold what only heads may write.

    Args:
        prefix: The deployment's own prefix.
        names: The folders.

    Yields:
        The problems, below `store_dirs`.
    """
    folders = Folders(prefix)
    for position, name in enumerate(names):
        at = ("store_dirs", position)
        refused = f"{quote(name)} is not allowed"
        if _overlap(name, folders.logs):
            text = (
                f"{refused}: tasks could write {folders.logs}, with run.json, caches and logs;"
                f" name another folder, such as {prefix}/store"
            )
            yield Problem(at, text)
        elif _overlap(name, folders.runs):
            yield Problem(at, f"{refused}: tasks write their work directories in {folders.runs}")
        elif other := next((each for each in names[:position] if _overlap(name, each)), None):
            text = "it is listed twice" if name == other else f"it overlaps with {quote(other)}"
            yield Problem(at, f"{refused}: {text}")


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
