"""The programs of a worker, as they travel to it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import AssetHashType
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

_LEFT_OUT = ("__pycache__", "*.pyc", ".ruff_cache", "ruff.toml")


class WorkerPrograms(assets.Asset):
    """A folder of programs as one content-hashed asset.

    Attributes:
        digest: SHA-256 of the sorted listing of the files' SHA-256, in the form of `sha256sum`.
            A worker compares it before it runs anything: the asset's own hash is over other
            things than the bytes that arrive.
        boothook: Text of the program that holds the ECS agent back.
        boot: Text of the program that fetches the rest.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, directory: Path, binaries: Mapping[str, Path]
    ) -> None:
        """Make the asset.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            directory: The folder; holds `boothook.sh` and `boot.sh`.
            binaries: Folders of what is built elsewhere, by the names that they get in it.
        """
        # The asset is a copy, made here; what it is a copy of is not needed afterwards.
        with tempfile.TemporaryDirectory() as temporary:
            whole = Path(temporary) / "worker"
            shutil.copytree(directory, whole, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            for name, folder in binaries.items():
                shutil.copytree(folder, whole / name)
            digest = _digest(whole)
            # The CDK's own fingerprint says no more and takes a tenth of a second.
            super().__init__(
                scope,
                construct_id,
                path=str(whole),
                asset_hash=digest,
                asset_hash_type=AssetHashType.CUSTOM,
            )
            self.digest = digest
        self.boothook = (directory / "boothook.sh").read_text("ascii")
        self.boot = (directory / "boot.sh").read_text("ascii")
        self._scope = scope

    def grant_fetch(self, role: iam.IRole) -> None:
        """Let a role fetch the programs; nothing else of the bucket in which they lie."""
        role.add_managed_policy(
            iam.ManagedPolicy(
                self._scope,
                "ProgramsAccess",
                description="A worker's own programs",
                statements=[
                    iam.PolicyStatement(
                        sid="FetchPrograms",
                        actions=["s3:GetObject"],
                        resources=[self.bucket.arn_for_objects(self.s3_object_key)],
                    )
                ],
            )
        )


def _digest(directory: Path) -> str:
    files = [file.relative_to(directory) for file in directory.rglob("*") if file.is_file()]
    lines = [
        f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n"
        for name in sorted(file.as_posix() for file in files)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
