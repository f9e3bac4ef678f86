"""Nextflow's core by Maven, and the distribution that carries it."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_aws.rehearsal import core, distribution


def fake(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stand-ins of mvn and java, first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    return tmp_path / "tools"


def test_the_pom_names_the_version_and_no_registry() -> None:
    pom = core.POM.read_text()
    assert f"<version>{core.VERSION}</version>" in pom
    assert "<repository>" not in pom


def test_the_real_core_is_fetched_once_and_runs(tmp_path: Path) -> None:
    directory = Path("build/rehearsal")
    try:
        home = core.fetch(directory)
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    assert core.fetch(directory) == home
    assert len(list((home / "lib").glob("*.jar"))) == 57
    link = tmp_path / "nextflow"
    link.symlink_to((home / "bin" / "nextflow").absolute())
    environment = os.environ | {"NXF_HOME": str(tmp_path / "home"), "NXF_JVM_ARGS": "-Dx=1 -Xmx64m"}
    done = subprocess.run([link, "-v"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"nextflow version {core.VERSION}")


def test_fetching_twice_at_once_leaves_one(tools: Path, tmp_path: Path) -> None:
    fake(tools, "java", "exit 0")
    fake(tools, "mvn", 'for a; do case $a in -DoutputDirectory=*) mkdir -p "${a#*=}";; esac; done')
    directory = tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        homes = set(pool.map(lambda _: core.fetch(directory), range(4)))
    assert [path.name for path in directory.iterdir()] == [home.name for home in homes]


@pytest.mark.parametrize("tool", ["mvn", "java"])
def test_a_missing_tool_is_named(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == tool else f"/bin/{name}")
    with pytest.raises(core.CoreUnavailable, match=f"`{tool}` is not installed"):
        core.fetch(tmp_path)


def test_a_failed_download_says_why_in_one_line(tools: Path, tmp_path: Path) -> None:
    fake(tools, "java", "exit 0")
    fake(tools, "mvn", "echo '[ERROR] Could not\tresolve x'; echo '[ERROR] more'; exit 1")
    expected = "^Maven could not download Nextflow's core: Could not resolve x$"
    with pytest.raises(core.CoreUnavailable, match=expected):
        core.fetch(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_same_content_makes_the_same_archive(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        archive = distribution.build(tmp_path / name, None)
        digests.add(hashlib.sha256(archive.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_archive_holds_the_launcher_and_says_it_has_no_plugins(tmp_path: Path) -> None:
    with tarfile.open(distribution.build(tmp_path, None)) as archive:
        members = {member.name: member for member in archive.getmembers()}
        launcher = members["bin/nextflow"]
    assert launcher.mode & 0o111 == 0o111
    assert "no-plugins" in members
    assert all(member.uid == 0 for member in members.values())
    assert not any(re.search(r"__pycache__|\.jar$", name) for name in members)
