"""What workers and tasks run that is built from Go, for the workers of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.go_program import AWS_CLIENT, TASK_S3, BuildError
from stacks.settings_error import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.settings import Settings

#: What `uname -m` says on a worker.
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def build(settings: Settings) -> dict[str, Path]:
    """Build what is missing.

    Args:
        settings: They say which workers there are, and what tasks move files with.

    Returns:
        Each program's folder, by its name.

    Raises:
        SettingsError: It cannot be built here.
    """
    programs = [AWS_CLIENT, *([TASK_S3] if settings.task_s3_client == "own" else [])]
    environments = settings.compute_environments.values()
    machines = {_MACHINES[environment.architecture] for environment in environments}
    try:
        return {program.folder: program.built(machines) for program in programs}
    except BuildError as error:
        raise SettingsError(str(error)) from error
