"""The folder that plays a worker's file system: what jobs may mount from their host."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from assets.go_program import TASK_S3, BuildError
from local_aws.errors import LocalAwsError

# Where a worker keeps the client that `aws.batch.cliPath` points at.
CLIENT_DIRECTORY: Final = Path("opt/aws-cli/bin")


def prepare(directory: Path, system: str = "linux") -> Path:
    """Makes the folder, or brings an earlier one up to date.

    A job's host volume `/opt/aws-cli` is then `directory / "opt/aws-cli"`. Files are replaced by
    renaming, so that jobs which run meanwhile keep theirs.

    Args:
        directory: The folder to make.
        system: Go's name of the operating system that jobs run on.

    Returns:
        The same folder, absolute.

    Raises:
        LocalAwsError: The client cannot be built.
    """
    root = directory.absolute()
    target = root / CLIENT_DIRECTORY
    target.mkdir(parents=True, exist_ok=True)
    _install(_client(system), target / "aws")
    return root


def _client(system: str) -> Path:
    """The same client that real workers have."""
    try:
        return TASK_S3.here(system)
    except BuildError as error:
        raise LocalAwsError(f"There is no S3 client for tasks: {error}") from None


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
