"""Command line: `python3 -m nextflow_worker provision|watch`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nextflow_worker.error import WorkerError
from nextflow_worker.host import Host
from nextflow_worker.provision.provisioning import provision
from nextflow_worker.watch.daemon import watch

PROGRAMS = {"provision": provision, "watch": watch}


def main(arguments: list[str]) -> int:
    """Run a program.

    Args:
        arguments: Its name, nothing else.

    Returns:
        The exit code: 0, 1 when it refuses, 2 when there is no such program.
    """
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        words = " ".join(arguments) or "nothing"
        print(f"program is {words}; allowed: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    try:
        PROGRAMS[arguments[0]](Host(Path(os.environ.get("NFB_ROOT") or "/")))
    except WorkerError as refusal:
        print(f"nextflow-batch: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
