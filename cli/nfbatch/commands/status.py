"""`nfbatch status`."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Annotated

import typer

from nfbatch import deployment, log_stream, options, output, progress, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from nfbatch.progress import Progress

_POLL_SECONDS = 5.0


def status(
    *,
    name: options.RunName = "-",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again and again, until the run ends.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Show how far a run is, and where its logs are.

    [bold]Examples[/]
    $ nfbatch status
    $ nfbatch status --watch rnaseq-x7k2
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    found = progress.look(aws, target, head)
    if as_json:
        output.print_json(found.as_json())
        return
    printer = output.console()
    if not watch or not printer.is_terminal:
        printer.print(_shown(found))
        return
    from rich.live import Live  # noqa: PLC0415 - takes time to import

    with Live(_shown(found), console=printer, auto_refresh=False) as live:
        while not found.run.has_ended:
            time.sleep(_POLL_SECONDS)
            head = log_stream.refreshed(aws, head)
            found = progress.look(aws, target, head)
            live.update(_shown(found), refresh=True)


def _shown(found: Progress) -> Text:
    from rich.text import Text  # noqa: PLC0415 - as above

    text = Text(no_wrap=False, overflow="fold")
    for name, value in _rows(found):
        text.append(f"{name:<11} ", style="bold")
        text.append(f"{value}\n", style=output.style(found.run.state) if name == "State" else "")
    text.rstrip()
    return text


def _rows(found: Progress) -> Iterator[tuple[str, str]]:
    head, known = found.run, found.record or {}
    yield "Run", f"{head.name} ({head.id})"
    yield "State", head.state if not head.is_stopping or head.has_ended else "STOPPING"
    if head.reason and head.state != "SUCCEEDED":
        yield "Reason", head.reason
    yield "Command", shlex.join(known.get("arguments") or head.command)
    if known.get("revision"):
        yield "Revision", known["revision"]
    yield "Queue", head.queue
    if owner := head.variables.get("NF_OWNER"):
        yield "Owner", owner
    yield "Created", output.local_time(head.job.get("createdAt"))
    if head.job.get("startedAt"):
        yield "Started", output.local_time(head.job["startedAt"])
        yield ("Took" if head.has_ended else "Running for"), output.duration(head.milliseconds)
    yield from _rows_of_record(found)


def _rows_of_record(found: Progress) -> Iterator[tuple[str, str]]:
    for attempt in found.attempts if len(found.attempts) > 1 else []:
        reason = f": {attempt['reason']}" if attempt.get("reason") else ""
        yield f"Attempt {attempt['number']}", f"{attempt['state']}{reason}"
    if found.tasks:
        yield "Tasks", _counted(found.tasks)
    for process, counts in sorted(found.processes.items()):
        yield f"  {process}", _counted({state: n for state, n in counts.items() if n})
    if found.cost:
        yield (
            "Cost",
            f"about {output.money(found.cost.usd)}; `nfbatch cost {found.run.id[:8]}` says more",
        )
    if found.record:
        yield "Logs", str(found.run.logs(found.deployment))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state.lower()}" for state, count in counts.items())
