"""What the worker's folder promises as a whole: interpreter, units, settings, documentation."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from nextflow_worker.provision import agent, packages
from nextflow_worker.remedy import REMEDIES
from nextflow_worker.scratch import MOUNT_OPTIONS
from nextflow_worker.settings import ScratchSettings, Settings

ROOT = Path(__file__).parent.parent
WORKER = ROOT / "assets" / "worker"
MODULES = sorted((WORKER / "nextflow_worker").rglob("*.py"))
UNITS = sorted((WORKER / "units").glob("*.service"))
DOCS = (ROOT / "docs" / "worker.md").read_text("utf-8")

#: The standard library without what came after Python 3.9.
STANDARD = sys.stdlib_module_names - {"tomllib", "annotationlib", "compression"}


def _imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(WORKER).as_posix())
def test_modules_are_python_3_9_and_need_only_the_standard_library(module: Path) -> None:
    source = module.read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    assert _imports(tree) - STANDARD <= {"nextflow_worker"}
    # What ast's feature_version lets pass: 3.10's keyword arguments and 3.11's names.
    assert not re.search(r"attachment_limit=True|kw_only=|strict=True|datetime import UTC", source)


def _python_3_9() -> str | None:
    versions = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))
    for candidate in [*map(str, versions), shutil.which("python3.9")]:
        if candidate and subprocess.run([candidate, "-V"], check=False).returncode == 0:
            return candidate
    return None


_IMPORT_ALL = """
import importlib, pkgutil, nextflow_worker
for module in pkgutil.walk_packages(nextflow_worker.__path__, "nextflow_worker."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_all_modules_load_and_the_programs_start_on_python_3_9() -> None:
    python = _python_3_9()
    if python is None:
        pytest.skip("no Python 3.9 on this machine")
    load = [python, "-B", "-W", "error", "-c", _IMPORT_ALL]
    loaded = subprocess.run(load, cwd=WORKER, check=False, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    done = subprocess.run(
        [python, "-B", "-W", "error", "-m", "nextflow_worker", "watch"],
        cwd=WORKER,
        env={"NFB_ROOT": "/nonexistent/root"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "/etc/nextflow-batch/worker.json cannot be read" in done.stderr, done.stderr


def _verify(*units: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        check=False,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stderr.splitlines() if str(units[0].parent) in line]
    assert (done.returncode, lines) == (0, [])


def test_units_are_sound() -> None:
    assert UNITS
    _verify(*UNITS)


def test_what_the_boothook_writes_is_understood_by_systemd(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "systemctl").symlink_to("/bin/true")
    environ = {"NFB_ROOT": str(tmp_path), "PATH": f"{commands}:/usr/bin:/bin"}
    subprocess.run(["bash", WORKER / "boothook.sh"], env=environ, check=True)
    folder = tmp_path / "etc/systemd/system"
    units = []
    for name in ["ecs", "docker", "containerd"]:
        unit = folder / f"{name}.service"
        unit.write_text("[Service]\nExecStart=/bin/true\n")
        units.append(unit)
    _verify(*units)


def test_the_task_client_is_locked_by_version() -> None:
    lock = json.loads((WORKER / "aws-cli.lock").read_text())
    assert re.fullmatch(r"2\.\d+\.\d+", lock["version"])
    assert lock["url"].startswith("https://awscli.amazonaws.com/")
    assert set(lock["sha256"]) <= {"x86_64", "aarch64"}


def test_shell_parts_are_ascii_as_their_mime_parts_say() -> None:
    for script in ["boot.sh", "boothook.sh"]:
        (WORKER / script).read_text("ascii")


def test_the_agents_settings_are_documented_as_they_are() -> None:
    rows = re.findall(r"^\| `(ECS_\w+)` \| `([^`]+)` \| .+ \| .+ \|$", DOCS, re.MULTILINE)
    assert dict(rows) == agent.SETTINGS


def test_each_value_of_the_document_is_documented() -> None:
    rows = set(
        re.findall(
            r"^\| `([a-z0-9_.]+)` \| ", DOCS.partition("## The launch template")[2], re.MULTILINE
        )
    )
    values = {field.name for field in fields(Settings)} - {"scratch"}
    assert rows == values | {f"scratch.{field.name}" for field in fields(ScratchSettings)}


def test_remedies_are_documented_as_they_are() -> None:
    table = DOCS.partition("| in the reason | `remedy` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([^`]+)` \| ([^|]+) \|$", table, re.MULTILINE) == [*REMEDIES.items()]


def test_packages_and_mount_options_are_documented() -> None:
    assert all(f"`{name}`" in DOCS for name in packages.NEEDED)
    assert f"`{MOUNT_OPTIONS}`" in DOCS
