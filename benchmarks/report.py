"""What every benchmark leaves behind: a table to read and a file to compare."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_DIRECTORY = Path("build/bench")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure.

    Attributes:
        metric: What was measured.
        value: How much.
        unit: Of what.
        target: What it should be, in words; empty where there is no target.
        ok: Whether it is; true where there is no target.
    """

    metric: str
    value: float
    unit: str
    target: str = ""
    ok: bool = True


def write(name: str, figures: list[Figure]) -> None:
    """Print the figures and write them to `build/bench/NAME.json`.

    Args:
        name: The benchmark's name.
        figures: What it measured.
    """
    table = Table("metric", "value", "unit", "target", "ok", title=f"bench-{name}")
    for figure in figures:
        table.add_row(
            figure.metric,
            f"{figure.value:g}",
            figure.unit,
            figure.target,
            "yes" if figure.ok else "NO",
        )
    Console().print(table)
    _DIRECTORY.mkdir(parents=True, exist_ok=True)
    (_DIRECTORY / f"{name}.json").write_text(
        json.dumps([asdict(figure) for figure in figures], indent=2) + "\n"
    )
