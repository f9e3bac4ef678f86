"""A table of runs: one for each row, with the row's values in the arguments."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: `{column}` in an argument.
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.-]*)\}")


def read(table: Path, words: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table, by column.

    Args:
        table: A CSV file, or a TSV file (`.tsv`), whose first line has the columns' names.
        words: What the values are put into.

    Raises:
        NfbatchError: It is not such a table, or does not fit the words.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            dialect = "excel-tab" if table.suffix.lower() == ".tsv" else "excel"
            reader = csv.DictReader(file, dialect=dialect, strict=True)
            rows = [dict(row) for row in reader]
            columns = list(reader.fieldnames or [])
    except OSError as error:
        raise _refused(f"{table} cannot be read: {error.strerror}") from None
    except (csv.Error, UnicodeError) as error:
        raise _refused(f"{table} is not a table in UTF-8: {error}") from None
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise _refused(f"{table}, row {number}: must have {len(columns)} cells like the first")
    if not rows:
        raise _refused(f"{table} is empty: it must have a row of names, and a row for each run")
    used = {name for word in words for name in _PLACEHOLDER.findall(word)}
    shown = ", ".join(f"{{{name}}}" for name in columns)
    if unknown := sorted(used - set(columns)):
        raise _refused(f"{{{unknown[0]}}} is not a column of {table}: it has {shown}")
    if not used:
        raise _refused(f"the arguments name no column of {table}: put {shown} into them")
    return rows


def filled(word: str, row: Mapping[str, str]) -> str:
    """A word with the values of a row in place of `{column}`."""
    return _PLACEHOLDER.sub(lambda found: row[found[1]], word)


def _refused(message: str) -> NfbatchError:
    return NfbatchError(Kind.BAD_INPUT, f"--each: {message}")
