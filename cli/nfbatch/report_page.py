"""The report of a run as one HTML file, which needs nothing else.

Names of tasks, arguments and logs are other people's text: each is escaped, and the page's policy
lets no script run.
"""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nfbatch import cost, gantt, output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nfbatch.process_cost import ProcessCost
    from nfbatch.report import Failure, Report

_STYLE = Path(__file__).with_name("report.css")
#: Of what a failed task wrote, its end.
_LINES = 60
_COLUMNS = (
    *("Process", "Tasks", "Hours", "Cost", "Wasted"),
    *("CPUs", "used", "GiB", "peak", "Suggestion"),
)


def render(report: Report) -> str:
    """The page.

    Args:
        report: What it shows.
    """
    name = escape(report.head.name)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{name}</title>",
            f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            *_head(report),
            *_failures(report.failures),
            "<h2>Tasks over time</h2>",
            gantt.chart(report.usages),
            '<p class="legend note"><i class="completed"></i>completed <i class="failed"></i>failed'
            " <i></i>running. Tasks that Nextflow took from its cache are not shown.</p>",
            *_costs(report),
            "</body>",
            "</html>\n",
        )
    )


def _head(report: Report) -> Iterator[str]:
    head, known = report.head, report.record or {}
    state = escape(head.state)
    kind = state if state == "SUCCEEDED" or not head.has_ended else "bad"
    yield f'<h1>{escape(head.name)} <span class="state {kind}">{state}</span></h1>'
    yield f'<p class="note">{escape(head.id)}, report of {output.local_time(report.made)}</p>'
    tasks = known.get("tasks", {})
    wasted = [each.wasted_usd for each in report.processes if each.wasted_usd is not None]
    tiles = (
        (output.duration(head.milliseconds), "from start to end" if head.has_ended else "so far"),
        (f"{tasks.get('completed', 0):,}", "tasks completed"),
        (f"{tasks.get('cached', 0):,}", "cached"),
        (f"{tasks.get('failed', 0):,}", "failed"),
        (output.money(report.cost.usd), "estimated cost"),
        (output.money(sum(wasted)) if wasted else "unknown", "of it not used"),
    )
    shown = "".join(f"<div><b>{value}</b><span>{title}</span></div>" for value, title in tiles)
    yield f'<div class="sum">{shown}</div>'
    rows = {
        "Reason": head.reason if head.state != "SUCCEEDED" else None,
        "Command": shlex.join(known.get("arguments") or head.command),
        "Revision": known.get("revision"),
        "Owner": head.variables.get("NF_OWNER"),
        "Queue": head.queue,
        "Started": output.local_time(head.job.get("startedAt")),
        "Nextflow": (known.get("versions") or {}).get("nextflow"),
    }
    pairs = (f"<dt>{title}</dt><dd>{escape(str(v))}</dd>" for title, v in rows.items() if v)
    yield f"<dl>{''.join(pairs)}</dl>"


def _failures(failures: Iterable[Failure]) -> Iterator[str]:
    found = list(failures)
    if not found:
        return
    yield f"<h2>Failed tasks: {len(found):,}</h2>"
    for failure in found:
        usage, files = failure.usage, failure.files
        yield "<details open>" if files else "<details>"
        yield f"<summary>{escape(usage.name)}: exit status {escape(usage.exit)}</summary>"
        yield f'<p class="note">Job {escape(usage.job)}</p>'
        if files is None:
            yield "<p>Its work directory is gone, or was not read.</p>"
        else:
            yield f'<p class="note">{escape(str(files.folder))}</p>'
            yield f"<h4>End of its output</h4><pre>{_end(files.errors or files.log)}</pre>"
            yield f"<h4>Script</h4><pre>{_end(files.script)}</pre>"
        yield "</details>"


def _end(text: str | None) -> str:
    lines = (text or "(none)").splitlines()
    # What begins in the middle of a character is shown as such.
    return escape("\n".join(lines[-_LINES:]))


def _costs(report: Report) -> Iterator[str]:
    yield "<h2>Cost by process</h2>"
    header = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    rows = "\n".join(_row(each) for each in report.processes)
    yield f'<div class="wide"><table><thead><tr>{header}</tr></thead>'
    yield f"<tbody>\n{rows}\n</tbody></table></div>"
    found = report.cost
    bought = (
        f"{title}: {output.money(sum(part.usd for part in found.bought(is_spot=is_spot)))}"
        for title, is_spot in (("Spot", True), ("On-Demand", False))
    )
    yield (
        f"<p>{', '.join(bought)}. All of it On-Demand would have cost"
        f" {output.money(found.on_demand_usd)}.</p>"
    )
    if found.unpriced:
        yield f"<p>{len(found.unpriced):,} tasks are not in it: too little is known of them.</p>"
    yield f'<p class="note">{escape(found.trust)}</p>'
    yield f'<p class="note">Not in it: {escape(cost.NOT_INCLUDED)}.</p>'


def _row(process: ProcessCost) -> str:
    wasted, used, peak = process.wasted_usd, process.cpus_used, process.peak_mib
    cells = (
        escape(process.process),
        f"{process.tasks:,}",
        f"{sum(part.hours for part in process.parts):.1f}",
        output.money(process.usd),
        "-" if wasted is None else output.money(wasted),
        f"{process.cpus:g}",
        "-" if used is None else f"{used:.1f}",
        f"{process.memory_mib / 1024:.1f}",
        "-" if peak is None else f"{peak / 1024:.1f}",
        f"<code>{process.suggestion}</code>" if process.suggestion else "",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
