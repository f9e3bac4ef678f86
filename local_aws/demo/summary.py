"""What the demo says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from local_aws.demo.capabilities import Capabilities
    from local_aws.demo.jobs import Outcome
    from local_aws.server import LocalAws

_NEXT = {
    "make local-aws": "your own local AWS, until Ctrl-C; then cdk, aws and nextflow",
    "make diff SETTINGS=default": "what our recommendation would deploy to your account",
    "make deploy SETTINGS=default": "deploy it",
    "docs/nfbatch.md": "launch, watch, understand and pay for runs of your own",
    "docs/head.md": "pipelines, parameters, logs and reports",
    "docs/workshop.md": "the workshop's table and each difference from it",
}


def summarize(console: Console, aws: LocalAws, outcome: Outcome, machine: Capabilities) -> None:
    """Print what landed in the bucket, what was real, and what to do next.

    Args:
        console: Where to print.
        aws: The local AWS, still running.
        outcome: How the head ended.
        machine: How the demo went on this machine.
    """
    console.rule("in the bucket", align="left", style="dim")
    for line in _bucket_lines(aws):
        console.print(Text(line), soft_wrap=True)
    console.rule(style="dim")
    ended = (
        "[green]SUCCEEDED[/]"
        if outcome.state == "SUCCEEDED"
        else f"[red]FAILED[/] {outcome.reason}"
    )
    console.print(f"hello: {ended}\n\n[bold]What was real[/]")
    console.print(_list("[green]●[/]", "the templates, deployed by the cdk CLI", *machine.real))
    console.print("[bold]What was simulated[/]")
    rehearsed = ["AWS itself: moto with our changes, on this machine", *machine.rehearsed]
    if aws.skipped_resource_types:
        rehearsed.append(f"not emulated: {', '.join(aws.skipped_resource_types)}")
    console.print(_list("[yellow]○[/]", *rehearsed))
    console.print("\n[bold]What next[/]")
    following = Table.grid(padding=(0, 3))
    for what, meaning in _NEXT.items():
        following.add_row(Text(what, no_wrap=True), meaning)
    console.print(following)


def _list(mark: str, *entries: str) -> Table:
    """Entries whose further lines begin below the first."""
    table = Table.grid(padding=(0, 1))
    for entry in entries:
        table.add_row(f"  {mark}", Text(entry))
    return table


def _bucket_lines(aws: LocalAws) -> list[str]:
    """The deployment's bucket: its folders and what is in each."""
    s3 = aws.client("s3")
    outputs = aws.client("cloudformation").describe_stacks(StackName="nextflow-workshop-data")
    bucket = next(
        entry["OutputValue"]
        for entry in outputs["Stacks"][0]["Outputs"]
        if entry["OutputKey"] == "Bucket"
    )
    folders: dict[str, list[str]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            folder, _, name = entry["Key"].rpartition("/")
            if name:
                folders.setdefault(folder, []).append(name)
    lines = [f"s3://{bucket}/"]
    for folder, names in sorted(folders.items()):
        lines += [f"  {folder}/", f"    {'  '.join(names)}"]
    return lines
