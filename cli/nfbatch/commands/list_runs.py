"""`nfbatch list`."""

from __future__ import annotations

from typing import Annotated

import typer

from nfbatch import deployment, options, output, run


def list_runs(
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="How many runs.")
    ] = 20,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="All runs that Batch knows: about seven days.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """List the newest runs.

    [bold]Examples[/]
    $ nfbatch list
    $ nfbatch list --all --json
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    runs = run.newest(aws, target, None if everything else limit)
    if as_json:
        output.print_json({"deployment": target.name, "runs": [each.as_json() for each in runs]})
        return
    if not runs:
        output.say(f"Batch knows no runs of {target.name}: start one with `nfbatch launch hello`")
    rows = [
        (
            each.name,
            each.state,
            output.local_time(each.job.get("createdAt")),
            output.duration(each.milliseconds),
            each.id[:8],
            " ".join(each.command),
        )
        for each in runs
    ]
    output.print_table(("RUN", "STATE", "CREATED", "TOOK", "ID", "COMMAND"), rows, "COMMAND")
