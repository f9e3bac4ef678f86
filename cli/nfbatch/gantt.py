"""The Gantt chart of a run's tasks, as SVG in HTML."""

from __future__ import annotations

import heapq
from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from nfbatch import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nfbatch.usage import Usage

#: The width of the charts in their own unit; they are stretched to that of the page.
_WIDTH = 1000.0
_BAR, _GAP = 8, 2
#: So that a short task can be seen in a long run.
_NARROWEST = 1.0
_TICKS = 4
_CLASSES = {"COMPLETED": "completed", "FAILED": "failed", "ABORTED": "failed"}


class _Bar(NamedTuple):
    started: int
    stopped: int
    usage: Usage


def chart(usages: Iterable[Usage]) -> str:
    """A chart for each process, below one time axis.

    In the chart of a process, tasks that ran one after another share a line, so its height shows
    how many ran at once.

    Args:
        usages: The tasks.
    """
    processes: defaultdict[str, list[_Bar]] = defaultdict(list)
    for usage in usages:
        for stay in usage.stays:
            processes[usage.process].append(_Bar(stay.started, stay.stopped, usage))
    if not processes:
        return "<p>No task has run.</p>"
    bars = [bar for each in processes.values() for bar in each]
    start, end = min(bar.started for bar in bars), max(bar.stopped for bar in bars)
    in_order = sorted(processes.items(), key=lambda item: min(bar.started for bar in item[1]))
    lanes = "\n".join(_of_process(name, sorted(each), start, end) for name, each in in_order)
    return f"{_axis(start, end)}\n{lanes}"


def _axis(start: int, end: int) -> str:
    ticks = (output.duration((end - start) * at // _TICKS) for at in range(_TICKS + 1))
    return f'<div class="axis">{"".join(f"<span>{tick}</span>" for tick in ticks)}</div>'


def _of_process(name: str, bars: Sequence[_Bar], start: int, end: int) -> str:
    scale = _WIDTH / max(1, end - start)
    rows = list(_rows(bars))
    height = (max(rows) + 1) * (_BAR + _GAP)
    shapes = "\n".join(
        f'<rect class="{_CLASSES.get(bar.usage.status, "running")}"'
        f' x="{(bar.started - start) * scale:.1f}" y="{row * (_BAR + _GAP)}"'
        f' width="{max(_NARROWEST, (bar.stopped - bar.started) * scale):.1f}" height="{_BAR}">'
        f"<title>{escape(bar.usage.name)}: {escape(bar.usage.status)},"
        f" {output.duration(bar.stopped - bar.started)}</title></rect>"
        for row, bar in zip(rows, bars, strict=True)
    )
    count = len({bar.usage.job for bar in bars})
    tasks = f"{count:,} task{'s' if count > 1 else ''}, {max(rows) + 1:,} at once"
    return (
        f"<figure><figcaption>{escape(name)} <small>{tasks}</small></figcaption>\n"
        f'<svg viewBox="0 0 {_WIDTH:.0f} {height}" preserveAspectRatio="none"'
        f' style="height:{height}px" role="img" aria-label="{escape(name)}: {tasks}">\n'
        f"{shapes}\n</svg></figure>"
    )


def _rows(bars: Sequence[_Bar]) -> Iterator[int]:
    """The line of each bar: the first one that is free when it starts."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for bar in bars:
        while busy and busy[0][0] <= bar.started:
            heapq.heappush(free, heapq.heappop(busy)[1])
        row = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (bar.stopped, row))
        yield row
