"""Pictures of `nfbatch` in a terminal, on runs of the local AWS: `make pictures`.

All of them go to build/pictures; docs/nfbatch.md shows some, which are copied to docs/pictures.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI
from rich.text import Text

from nfbatch.app import app
from stacks import paths
from tests.support.batch import KEYS
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTHS = (80, 140)
_THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": DIMMED_MONOKAI}
_BUILT = paths.ROOT / "build" / "pictures"
_DOCS = paths.ROOT / "docs" / "pictures"
_DOCS_WIDTH = 100
#: In the documentation, by name of the picture.
_SHOWN = ("list", "status", "cost", "doctor")
_FAILING = 'workflow { error "no samples in the table" }\n'


def main() -> int:
    """Launch runs, and take the pictures; returns the exit status."""
    os.environ.update({name.upper(): value for name, value in KEYS.items()})
    shutil.rmtree(_BUILT, ignore_errors=True)
    _DOCS.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        deployment_testbed(Path(folder)) as lab,
    ):
        for name, words in _commands(lab, Path(folder)):
            for columns in (*_WIDTHS, _DOCS_WIDTH):
                printed = _run(lab, words, columns)
                for theme in _THEMES:
                    if columns != _DOCS_WIDTH:
                        _draw(printed, columns, theme, _BUILT / f"{name}-{columns}-{theme}.svg")
                    elif name in _SHOWN:
                        _draw(printed, columns, theme, _DOCS / f"nfbatch-{name}-{theme}.svg")
            print(f"nfbatch {shlex.join(words)}")
    return 0


def _commands(lab: DeploymentTestbed, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What is shown, each with the name of its picture."""
    for command in app.registered_commands:
        name = str(command.name or (command.callback and command.callback.__name__))
        yield f"help-{name}", [name, "--help"]
    yield "help", ["--help"]
    project = folder / "no-samples"
    project.mkdir()
    (project / "main.nf").write_text(_FAILING)
    (project / "fail").touch()
    lab.testbed.wait(_launch(lab, "greetings", "hello"))
    lab.testbed.wait(_launch(lab, "no-samples", str(project)))
    waiting = lab.testbed.submit(
        jobName="ALIGN_7",
        jobQueue=lab.queues[1],
        jobDefinition=lab.testbed.definition(["true"]),
        containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": "512"}]},
    )
    yield "list", ["list"]
    yield "status", ["status", "greetings"]
    yield "status-failed", ["status", "no-samples"]
    yield "logs", ["logs", "greetings"]
    yield "failed", ["logs", "no-samples"]
    yield "task", ["logs", "greetings", "sayHello (1)"]
    yield "cost", ["cost", "greetings"]
    yield "doctor", ["doctor", waiting]
    yield "doctor-deployment", ["doctor"]
    yield "config", ["config"]
    yield "deployments", ["deployments"]
    yield "leftovers", ["leftovers"]
    yield "dry-run", ["launch", "--dry-run", "nf-core/rnaseq", "-profile", "test,docker"]
    yield "unknown-run", ["status", "nobody"]
    yield "missing-folder", ["launch", "./nowhere"]
    yield "option-after-project", ["launch", "hello", "--follow"]


def _launch(lab: DeploymentTestbed, name: str, project: str) -> str:
    (made,) = lab.nfbatch("launch", "--json", "--name", name, project).json["runs"]
    return str(made["id"])


def _run(lab: DeploymentTestbed, words: list[str], columns: int) -> str:
    """What a command prints into a terminal, with its colours."""
    environment = {
        **os.environ,
        **lab.variables,
        "COLUMNS": str(columns),
        "FORCE_COLOR": "1",
        "TERMINAL_WIDTH": str(columns),
    }
    done = subprocess.run(
        [sys.executable, "-m", "nfbatch", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return f"$ nfbatch {shlex.join(words)}\n{done.stdout}"


def _draw(printed: str, columns: int, theme: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    console = Console(record=True, width=columns, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(printed), soft_wrap=False)
    file.write_text(console.export_svg(title="", theme=_THEMES[theme]))


if __name__ == "__main__":
    raise SystemExit(main())
