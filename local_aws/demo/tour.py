"""The run as its user sees it afterwards: by `nfbatch`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from local_aws.server import LocalAws

_CLI = Path(__file__).resolve().parents[2] / "cli"
#: Of the last run: what there is, how it is, what it printed, what it would have cost.
_COMMANDS = ("list", "status -", "logs -", "cost -")


def show(console: Console, aws: LocalAws, report: Path) -> None:
    """Run commands of `nfbatch`, each after a line that shows it.

    Args:
        console: Where to print those lines; the commands print to standard output.
        aws: The local AWS, still running.
        report: The file for the report of the run.
    """
    environment = aws.environment()
    search = [str(_CLI), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    for words in (*_COMMANDS, f"report - -o {os.path.relpath(report)}"):
        console.print(f"\n[bold]$ nfbatch {words}[/]", soft_wrap=True)
        console.file.flush()
        subprocess.run(
            [sys.executable, "-m", "nfbatch", *words.split()], env=environment, check=False
        )
