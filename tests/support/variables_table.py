"""The table of the head's environment variables in docs/head.md.

    PYTHONPATH=docker/nextflow python -m tests.support.variables_table

writes it anew; a test holds the document to it.
"""

from __future__ import annotations

from dataclasses import MISSING
from pathlib import Path

from nextflow_head import environment

DOCUMENT = Path(__file__).parents[2] / "docs" / "head.md"
_HEAD = "| variable | meaning | default |\n|---|---|---|\n"


def render() -> str:
    """The table in Markdown."""
    return _HEAD + "".join(
        f"| {' or '.join(f'`{name}`' for name in variable.names)} | {variable.meaning} |"
        f" {variable.default or _default(value)} |\n"
        for variable, value in environment.table()
    )


def _default(value: object) -> str:
    if value is MISSING:
        return "required"
    return "none" if value in (None, "") else f"`{value}`"


def shown() -> str:
    """The table in the document."""
    _, _, rest = DOCUMENT.read_text().partition(_HEAD)
    return _HEAD + rest.partition("\n\n")[0] + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(DOCUMENT.read_text().replace(shown(), render()))
