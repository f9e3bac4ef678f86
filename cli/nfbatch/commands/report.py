"""`nfbatch report`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from nfbatch import deployment, options, output, report_page, run
from nfbatch import report as reports
from nfbatch.error import Kind, NfbatchError


def report(
    *,
    name: options.RunName = "-",
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it; default: RUN-ID.html."
        ),
    ] = None,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
) -> None:
    """Write a report of a run: one HTML file with its tasks over time, cost and failures.

    [bold]Examples[/]
    $ nfbatch report
    $ nfbatch report rnaseq-x7k2 -o rnaseq.html
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    page = report_page.render(reports.make(aws, target, head, output.now()))
    path = file or Path(f"{head.name}-{head.id[:8]}.html")
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise NfbatchError(
            Kind.BAD_INPUT, f"{path} cannot be written: {error.strerror}: choose another --output"
        ) from None
    print(path)
