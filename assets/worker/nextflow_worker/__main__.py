"""Command line: `python3 -m nextflow_worker provision INSTANCE ZONE`, or `watch`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nextflow_worker.error import WorkerError
from nextflow_worker.host import Host
from nextflow_worker.provision.provisioning import provision
from nextflow_worker.watch.daemon import watch


def main(arguments: list[str]) -> int:
    """Run a program.

    Args:
        arguments: Its name and what it takes.

    Returns:
        The exit code: 0, 1 when it refuses, 2 when there is no such program.
    """
    host = Host(Path(os.environ.get("NFB_ROOT") or "/"))
    try:
        if len(arguments) == 3 and arguments[0] == "provision":  # noqa: PLR2004 - its two values
            provision(host, instance_id=arguments[1], availability_zone=arguments[2])
        elif arguments == ["watch"]:
            watch(host)
        else:
            words = " ".join(arguments) or "nothing"
            print(f"program is {words}; allowed: provision INSTANCE ZONE, watch", file=sys.stderr)
            return 2
    except WorkerError as error:
        print(f"nextflow-batch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
