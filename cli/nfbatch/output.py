"""What commands print: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.text import Text

#: Styles that can be read on a light and on a dark background.
STYLES = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "STARTING": "cyan",
    "RUNNABLE": "yellow",
    "SUBMITTED": "yellow",
    "PENDING": "yellow",
    "CANCELLED": "magenta",
}


def say(text: str) -> None:
    """Prints a line about what is going on."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Prints a value for other programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> Console:
    """Prints for people; without colours where the output is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - takes time to import

    return Console(highlight=False, soft_wrap=True)


def style(state: str) -> str:
    """The style of a state."""
    return STYLES.get(state, "red")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], flexible: str) -> None:
    """Prints rows below the names of their columns.

    In a terminal, the flexible column is shortened so that each row is one line. Nothing is
    shortened if the other columns leave no room for it, or if a program reads the table.

    Args:
        columns: The names.
        rows: The cells; states get their style.
        flexible: The column that may be shortened.
    """
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    printer = console()
    printer.soft_wrap = False
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        is_flexible = name == flexible
        table.add_column(
            name, no_wrap=True, overflow="ellipsis" if is_flexible else "fold", ratio=None
        )
    cells = [list(row) for row in rows]
    if not cells:
        return
    if not printer.is_terminal:
        for line in [list(columns), *cells]:
            print("\t".join(line))
        return
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(columns)]
    at = list(columns).index(flexible)
    whole = sum(widths) + 2 * len(columns)
    room = printer.width - whole + widths[at]
    if room < len(flexible):
        printer.width, room = whole, widths[at]
    for row in cells:
        if len(row[at]) > room:
            row[at] = row[at][: room - 1] + "…"
        table.add_row(*(Text(cell, style=style(cell) if cell.isupper() else "") for cell in row))
    printer.print(table)


def pairs(rows: Iterable[tuple[str, str]]) -> Text:
    """Rows of a title and a value.

    Args:
        rows: Titles and values; values that are states get their style.
    """
    from rich.text import Text  # noqa: PLC0415 - as above

    text = Text()
    for title, value in rows:
        text.append(f"{title:<12}", style="bold")
        text.append(f"{value}\n")
    text.rstrip()
    return text


def print_paragraph(text: str) -> None:
    """Prints a text, in lines as wide as the terminal."""
    printer = console()
    printer.soft_wrap = not printer.is_terminal
    printer.print(text, markup=False)


def money(usd: float) -> str:
    """A price, with as many digits as it takes to see something."""
    return f"${usd:,.2f}" if usd >= 1 or not usd else f"${usd:.4f}"


def moment(milliseconds: int | None) -> str | None:
    """A time of Batch in ISO 8601."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def local_time(milliseconds: int | None) -> str:
    """A time of Batch as the clock on the wall shows it."""
    if milliseconds is None:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def duration(milliseconds: int | None) -> str:
    """A duration such as `2m 5s`."""
    if milliseconds is None:
        return "-"
    minutes, seconds = divmod(max(0, milliseconds) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {seconds}s" if minutes else f"{seconds}s"


def now() -> int:
    """Milliseconds since 1970, as Batch counts."""
    return int(datetime.now(UTC).timestamp() * 1000)
