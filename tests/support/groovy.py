"""Groovy scripts, run by the Groovy that Nextflow's core brings: any Java will do, a JRE too."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def run(script: str, folder: Path, libraries: Iterable[Path], *arguments: str) -> list[str]:
    """Run a script and return the lines that it prints.

    Args:
        script: Its text.
        folder: Where to write it.
        libraries: Jars, Groovy's among them.
        arguments: What it gets as `args`.
    """
    file = folder / "script.groovy"
    file.write_text(script)
    done = subprocess.run(
        [
            *("java", "-cp", ":".join(map(str, libraries)), "groovy.ui.GroovyMain", str(file)),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
