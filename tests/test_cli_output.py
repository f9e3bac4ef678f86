"""Tables in terminals of any width, and for programs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nfbatch import output

COLUMNS = ("KIND", "ID", "DETAIL")
ROWS = [("bucket", "nextflow-lab-data-storagebucket", "never removed: it holds data")]


def table(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    """What a terminal of so many columns gets, before it wraps lines."""
    text = io.StringIO()
    terminal = Console(file=text, force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(output, "console", lambda: terminal)
    output.print_table(COLUMNS, ROWS, "DETAIL")
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_flexible_column_gets_the_room_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert table(monkeypatch, 60) == [
        "KIND    ID                               DETAIL",
        "bucket  nextflow-lab-data-storagebucket  never removed: i…",
    ]


@pytest.mark.parametrize("width", [20, 40])
def test_nothing_is_cut_where_the_other_columns_leave_no_room(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    assert table(monkeypatch, width) == [
        "KIND    ID                               DETAIL",
        "bucket  nextflow-lab-data-storagebucket  never removed: it holds data",
    ]


def test_a_program_gets_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, ROWS, "DETAIL")

    assert capsys.readouterr().out == "\n".join("\t".join(row) for row in [COLUMNS, *ROWS]) + "\n"
