"""Renews the library's table of instance types from EC2's own answer.

It asks the account and region, or the endpoint, that the environment's credentials belong to. Types
which that region lacks stay in the table as they were.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from nextflow_batch.instance_types import TABLE, Trait

Table = dict[str, dict[str, list[int | str]]]


def describe(ec2: Any) -> Table:
    """Ask for each type that Linux runs on.

    Args:
        ec2: A client of the region to ask.

    Returns:
        vCPUs, MiB and traits by family and size.
    """
    table: Table = {}
    for page in ec2.get_paginator("describe_instance_types").paginate():
        for entry in page["InstanceTypes"]:
            family, size = entry["InstanceType"].split(".")
            # Macs are dedicated hosts, which Batch does not start.
            if not family.startswith("mac"):
                table.setdefault(family, {})[size] = [
                    entry["VCpuInfo"]["DefaultVCpus"],
                    entry["MemoryInfo"]["SizeInMiB"],
                    *_traits(entry),
                ]
    return table


def _traits(entry: dict[str, Any]) -> list[Trait]:
    gpus = entry.get("GpuInfo", {}).get("Gpus", [])
    found: list[Trait] = []
    if any(gpu["Manufacturer"] == "NVIDIA" for gpu in gpus):
        found.append("nvidia")
    if "spot" not in entry["SupportedUsageClasses"]:
        found.append("no-spot")
    return found


def merge(table: Table, update: Table) -> Table:
    """A table with what EC2 describes; families by name, sizes from small to large."""
    families = sorted(table.keys() | update.keys())
    return {family: _sorted(table.get(family, {}) | update.get(family, {})) for family in families}


def _sorted(sizes: dict[str, list[int | str]]) -> dict[str, list[int | str]]:
    return dict(sorted(sizes.items(), key=lambda item: (item[1][:2], item[0])))


def text(table: Table) -> str:
    """The table as JSON, a family in each line, so that a change is easy to review."""
    lines = [f"{json.dumps(family)}: {json.dumps(sizes)}" for family, sizes in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Write the table anew, or say why EC2 cannot be asked; returns the exit status."""
    known = json.loads(TABLE.read_text(encoding="utf-8"))
    try:
        described = describe(boto3.client("ec2"))
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: a malformed endpoint
        print(f"EC2 does not describe its instance types: {error}", file=sys.stderr)
        return 2
    TABLE.write_text(text(merge(known, described)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
