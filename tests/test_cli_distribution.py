"""`pip install ./cli`: the distribution has all that it needs, and nothing of the app."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from nfbatch import VERSION
from stacks import paths

if TYPE_CHECKING:
    from pathlib import Path

CLI = paths.ROOT / "cli"
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]
#: What comes with a dependency.
BROUGHT = {"boto3": {"boto3", "botocore"}}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    # Its dependencies are this environment's, so that the test needs no package registry.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run([*command, str(CLI)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_installed_command_starts(installed: Path) -> None:
    done = subprocess.run(
        [str(installed / "bin" / "nfbatch"), "--version"],
        env={"PYTHONPATH": str(installed), "PATH": ""},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == (f"nfbatch {VERSION}\n", "")


def test_it_has_types_and_one_version(installed: Path) -> None:
    assert (installed / "nfbatch" / "py.typed").exists()
    assert PROJECT["version"] == VERSION


def test_it_imports_only_what_it_depends_on() -> None:
    names = [re.split(r"[<>=]", each)[0] for each in PROJECT["dependencies"]]
    allowed = {"nfbatch", *sys.stdlib_module_names}
    for name in names:
        allowed |= BROUGHT.get(name, {name})
    imported = set()
    for file in (CLI / "nfbatch").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])

    assert imported - allowed == set()
    assert set(names) == {"boto3", "pathspec", "rich", "typer"}


def test_each_dependency_has_both_bounds_and_a_reason() -> None:
    reasons = (paths.ROOT / "docs" / "adr" / "0024-nfbatch.md").read_text()
    for each in PROJECT["dependencies"]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+,<[\d.]+", each)
        assert f"| {re.split('>', each)[0]} |" in reasons
