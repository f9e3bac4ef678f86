"""Local files that the arguments name: they are uploaded, and named where they will be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nfbatch import arguments
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nfbatch.arguments import Value
    from nfbatch.project import Project
    from nfbatch.upload import Uploads

# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
_PARAMS_ENDINGS = (".json", ".yml", ".yaml")


def uploaded(project: Project, uploads: Uploads, say: Callable[[str], None]) -> list[str]:
    """The arguments of `nextflow run` with S3 addresses in place of local files.

    Args:
        project: The project with its arguments.
        uploads: Takes the files.
        say: Prints a line for the user.

    Raises:
        NfbatchError: A file does not exist.
    """

    def placed(value: Value) -> str:
        if value.option in arguments.CONFIG:
            # https://github.com/nextflow-io/nextflow/pull/5757
            return ",".join(_file(value, name, project, uploads) for name in value.text.split(","))
        if value.option in arguments.PARAMS_FILE:
            if not value.text.lower().endswith(_PARAMS_ENDINGS):
                raise NfbatchError(
                    Kind.BAD_INPUT,
                    f"-params-file {value.text} is not allowed: its name must end in"
                    f" {', '.join(_PARAMS_ENDINGS[:-1])} or {_PARAMS_ENDINGS[-1]}",
                )
            return _file(value, value.text, project, uploads)
        if value.is_parameter and _is_file(value.text):
            target = uploads.plan(Path(value.text).name, Path(value.text))
            say(f"{value.option} {value.text} is a local file: the run gets {target}")
            return str(target)
        return value.text

    return [project.words[0], *arguments.replaced(project.words[1:], placed)]


def _file(value: Value, name: str, project: Project, uploads: Uploads) -> str:
    if "://" in name:
        return name
    if _is_file(name):
        return str(uploads.plan(Path(name).name, Path(name)))
    # The head looks for it in a project that comes from S3.
    if not project.is_in_git and (project.folder is None or project.folder.has(name)):
        return name
    raise NfbatchError(Kind.BAD_INPUT, f"{value.option} {name}: there is no such file")


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # such as a text that is too long for a name
        return False
