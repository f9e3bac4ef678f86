"""Programs that read the synthesized templates: checkov and cfn-lint."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnResource, Stack

from audit.finding import Finding
from stacks import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import App

#: `make audit` installs it there: 300 MB that nothing else needs.
CHECKOV = paths.ROOT / "build" / "checkov" / "bin" / "checkov"
NAMES = ("checkov", "cfn-lint")


class LinterError(Exception):
    """A program that did not do its work."""


def write(app: App, folder: Path) -> dict[str, dict[str, str]]:
    """Write the templates of an app.

    Args:
        app: The app.
        folder: Where they go.

    Returns:
        The constructs' paths by logical id, by the template's file.
    """
    assembly = app.synth()
    folder.mkdir(parents=True, exist_ok=True)
    constructs = {}
    for stack in (child for child in app.node.children if isinstance(child, Stack)):
        file = folder / f"{stack.stack_name}.template.json"
        shutil.copy(Path(assembly.directory) / stack.template_file, file)
        constructs[str(file)] = {
            str(stack.resolve(resource.logical_id)): resource.node.path
            for resource in stack.node.find_all()
            if isinstance(resource, CfnResource)
        }
    return constructs


def checkov(folder: Path, constructs: dict[str, dict[str, str]]) -> Iterator[Finding]:
    """What checkov finds in the templates of a folder."""
    done = _run(
        [str(CHECKOV), "--directory", str(folder), "--framework", "cloudformation"],
        *("--output", "json", "--quiet", "--compact", "--skip-download"),
    )
    try:
        report: Any = json.loads(done.stdout)
        failed = report["results"]["failed_checks"]
    except (ValueError, TypeError, KeyError):
        raise LinterError(f"checkov failed: {(done.stderr or done.stdout)[-300:]!r}") from None
    for check in failed:
        logical_id = check["resource"].partition(".")[2]
        file = str(folder / check["file_path"].lstrip("/"))
        path = constructs[file].get(logical_id, f"{file}: {logical_id}")
        yield Finding("checkov", check["check_id"], path, check["check_name"])


def cfn_lint(folder: Path, constructs: dict[str, dict[str, str]], region: str) -> Iterator[Finding]:
    """What cfn-lint finds in the templates of a folder."""
    files = sorted(str(file) for file in folder.rglob("*.template.json"))
    done = _run(["cfn-lint", "--format", "json", "--regions", region, "--"], *files)
    try:
        matches: Any = json.loads(done.stdout or "[]")
    except ValueError:
        raise LinterError(f"cfn-lint failed: {(done.stderr or done.stdout)[-300:]!r}") from None
    for match in matches:
        steps = [str(step) for step in match["Location"]["Path"] or ()]
        logical_id = steps[1] if steps[:1] == ["Resources"] and len(steps) > 1 else ""
        path = constructs[match["Filename"]].get(logical_id, match["Filename"])
        yield Finding("cfn-lint", match["Rule"]["Id"], path, match["Message"])


def _run(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
