"""What the demo shows while it works: a line for each step, and the jobs as they go."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from local_aws.demo.jobs import JobLine

_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "RUNNING": "cyan"}
_AT_ONCE = 4
_Result = TypeVar("_Result")


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

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        # One line, however narrow the terminal is: the detail is what is cut.
        taken = f"{self.seconds:.0f} s"
        room = max(0, options.max_width - len(f"x {self.title} {taken} "))
        line = Table.grid(padding=(0, 1))
        line.add_row(self._spinner, self.title, taken, Text(self.detail[:room], style="dim"))
        yield line
        if self.jobs:
            yield jobs_table(self.jobs)


class Display:
    """Writes the demo's progress to a terminal, or line by line where there is none.

    Attributes:
        console: For all else that has to be printed.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._running: list[Step] = []
        self._live: Live | None = None

    def __rich__(self) -> RenderableType:
        return Group(*self._running)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs, and one line of it afterwards."""
        step = Step(title)
        with self._shown():
            self._running.append(step)
            if not self.console.is_terminal:
                self.console.print(f"… {title}")
            try:
                yield step
            except BaseException:
                self.console.print(f"[red]✗[/] {title}")
                raise
            finally:
                self._running.remove(step)
            line = f"[green]✓[/] {title} [dim]{step.seconds:.0f} s  {escape(step.detail)}[/]"
            self.console.print(line)
            if step.jobs:
                self.console.print(jobs_table(step.jobs))

    @contextmanager
    def together(self) -> Iterator[Together]:
        """Show steps that run at the same time; the block ends when all have."""
        with self._shown(), ThreadPoolExecutor(_AT_ONCE) as threads:
            yield Together(self, threads)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """What runs, live at the end of the terminal; a part of a whole leaves it there."""
        if self._live or not self.console.is_terminal:
            yield
            return
        self._live = Live(self, console=self.console, transient=True, refresh_per_second=8)
        try:
            with self._live:
                yield
        finally:
            self._live = None


class Together:
    """Steps that run at the same time.

    Args:
        display: Shows them.
        threads: Run them.
    """

    def __init__(self, display: Display, threads: ThreadPoolExecutor) -> None:
        self._display = display
        self._threads = threads

    def start(self, title: str, work: Callable[[Step], _Result]) -> Future[_Result]:
        """Begin a step, which gets itself to write its detail to."""
        return self._threads.submit(self._do, title, work)

    def _do(self, title: str, work: Callable[[Step], _Result]) -> _Result:
        with self._display.step(title) as step:
            return work(step)


def jobs_table(jobs: Sequence[JobLine]) -> Table:
    """Jobs, and how far they are."""
    table = Table("job", "queue", "state", "seconds", box=None, padding=(0, 2), header_style="dim")
    for job in jobs:
        style = _COLOURS.get(job.state, "yellow")
        table.add_row(
            f"  {job.name}", job.queue, Text(job.state, style=style), f"{job.seconds:.1f}"
        )
    return table
