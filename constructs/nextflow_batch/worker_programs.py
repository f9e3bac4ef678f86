"""The programs of a worker, as they travel to it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aws_cdk import aws_s3_assets as assets

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

_LEFT_OUT = ("__pycache__", "*.pyc", "ruff.toml")


class WorkerPrograms(assets.Asset):
    """A folder of programs as one content-hashed asset.

    Attributes:
        digest: SHA-256 of the sorted listing of the files' SHA-256, in the form of `sha256sum`.
            A worker compares it before it runs anything: the asset's own hash is over other
            things than the bytes that arrive.
        boothook: Text of the program that holds the ECS agent back.
        boot: Text of the program that fetches the rest.
    """

    def __init__(self, scope: Construct, construct_id: str, *, directory: Path) -> None:
        """Make the asset.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            directory: The folder; holds `boothook.sh` and `boot.sh`.
        """
        super().__init__(scope, construct_id, path=str(directory), exclude=list(_LEFT_OUT))
        self.digest = _digest(directory)
        self.boothook = (directory / "boothook.sh").read_text("ascii")
        self.boot = (directory / "boot.sh").read_text("ascii")


def _digest(directory: Path) -> str:
    files = [file.relative_to(directory) for file in directory.rglob("*") if file.is_file()]
    sent = sorted(file.as_posix() for file in files if not _is_left_out(file))
    lines = [
        f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in sent
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_left_out(file: Path) -> bool:
    return any(part.match(pattern) for pattern in _LEFT_OUT for part in (file, *file.parents))
