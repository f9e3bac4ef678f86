"""What the demo shows while it works: a line for each step, and the jobs as they go."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from local_aws.demo.jobs import JobLine

_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "RUNNING": "cyan"}
_DETAIL_WIDTH = 60


class Step:
    """One step of the demo.

    Attributes:
        title: What it does.
        detail: What it is at; changes as it goes.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self.jobs: Sequence[JobLine] = ()
        self._started = time.monotonic()
        self._spinner = Spinner("dots")

    @property
    def seconds(self) -> float:
        """How long it has been going."""
        return time.monotonic() - self._started

    def __rich__(self) -> RenderableType:
        line = Table.grid(padding=(0, 1))
        detail = Text(self.detail[:_DETAIL_WIDTH], style="dim")
        line.add_row(self._spinner, self.title, f"{self.seconds:.0f} s", detail)
        return Group(line, jobs_table(self.jobs)) if self.jobs else line


class Display:
    """Writes the demo's progress to a terminal, or line by line where there is none.

    Attributes:
        console: For all else that is to be said.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs, and one line of it afterwards."""
        step = Step(title)
        if not self.console.is_terminal:
            self.console.print(f"… {title}")
        try:
            with (
                Live(step, console=self.console, transient=True, refresh_per_second=8)
                if self.console.is_terminal
                else _nothing()
            ):
                yield step
        except BaseException:
            self.console.print(f"[red]✗[/] {title}")
            raise
        self.console.print(f"[green]✓[/] {title} [dim]{step.seconds:.0f} s  {step.detail}[/]")
        if step.jobs:
            self.console.print(jobs_table(step.jobs))


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def jobs_table(jobs: Sequence[JobLine]) -> Table:
    """Jobs, and how far they are."""
    table = Table("job", "queue", "state", "seconds", box=None, padding=(0, 2), header_style="dim")
    for job in jobs:
        style = _COLOURS.get(job.state, "yellow")
        table.add_row(
            f"  {job.name}", job.queue, Text(job.state, style=style), f"{job.seconds:.1f}"
        )
    return table
