"""`nfbatch open`."""

from __future__ import annotations

import sys

from nfbatch import console_urls, deployment, options, output, run

_TITLES = {"job": "Job", "log": "Log", "files": "Files"}


def open_run(
    *,
    name: options.RunName = "-",
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Open a run in the AWS console, and print where its log and files are there.

    Without a terminal, it only prints the addresses.

    [bold]Examples[/]
    $ nfbatch open
    $ nfbatch open rnaseq-x7k2 --json
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    found = console_urls.of_run(target, head, aws.region or "")
    if as_json:
        output.print_json({"id": head.id, "name": head.name, "console": found})
        return
    for title in (each for each in _TITLES if each in found):
        print(f"{_TITLES[title]:<6} {found[title]}")
    if not sys.stdout.isatty():
        return
    import webbrowser  # noqa: PLC0415 - takes time to import

    if not webbrowser.open(found["job"]):
        output.say("no browser can be opened here")
