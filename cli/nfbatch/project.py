"""The project of a launch: in S3, in a Git repository, or local."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nfbatch import arguments, revision
from nfbatch.error import Kind, NfbatchError
from nfbatch.project_folder import ProjectFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nfbatch.upload import Uploads

#: The head's, docs/head.md.
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ARCHIVE = "project.tar.gz"


class Project:
    """What runs, and the arguments that follow it.

    Args:
        name: As the user named it.
        words: The arguments after it.
        uploads: Takes what is local.
        say: Prints a line for the user.

    Attributes:
        words: The arguments of `nextflow run`, the project first.
        folder: The local folder, if it is one.

    Raises:
        NfbatchError: It is not a project, or has no such revision.
    """

    def __init__(
        self, name: str, words: Sequence[str], uploads: Uploads, say: Callable[[str], None]
    ) -> None:
        self.name = name
        self.folder: ProjectFolder | None = None
        self._uploads, self._say = uploads, say
        path = Path(name)
        if name.startswith("s3://"):
            self.words = [name, *words]
        elif path.is_dir():
            self.words = self._of_folder(path, words)
        elif path.is_file():
            self.words = self._of_file(path, words)
        elif name.startswith((".", "/", "~")):
            raise NfbatchError(Kind.BAD_INPUT, f"the project {name} does not exist")
        else:
            self.words = self._of_repository(words)

    @property
    def is_in_git(self) -> bool:
        """Whether it comes from a Git repository."""
        return not self.words[0].startswith("s3://")

    def _of_folder(self, path: Path, words: Sequence[str]) -> list[str]:
        folder = ProjectFolder(path)
        script = arguments.value(words, arguments.MAIN_SCRIPT)
        wanted = [script.text] if script else ["main.nf", "nextflow.config"]
        if not any(folder.has(entry) for entry in wanted):
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"{path} is not a Nextflow project: it has no {' or '.join(wanted)} that .gitignore"
                " does not exclude",
            )
        self._refuse_revision(words)
        self.folder = folder
        self._say(f"{path}: {len(folder.files)} files, {_size(folder.size)}")
        return [str(self._uploads.plan(_ARCHIVE, folder)), *words]

    def _of_file(self, path: Path, words: Sequence[str]) -> list[str]:
        if path.suffix == ".nf":
            script = [] if arguments.value(words, arguments.MAIN_SCRIPT) else [path.name]
            named = [word for name in script for word in ("-main-script", name)]
            return self._of_folder(path.parent, [*named, *words])
        if not path.name.lower().endswith(_ARCHIVES):
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"{path} is not a Nextflow project: it must be a folder, a script (.nf) or an"
                f" archive ({', '.join(_ARCHIVES)})",
            )
        self._refuse_revision(words)
        return [str(self._uploads.plan(path.name, path)), *words]

    def _of_repository(self, words: Sequence[str]) -> list[str]:
        named = arguments.value(words, arguments.REVISION)
        hub = arguments.value(words, arguments.HUB)
        found = revision.resolve(
            self.name, named.text if named else None, hub.text if hub else None
        )
        self._say(found.note)
        if found.commit is None:
            return [self.name, *words]
        if named is None:
            return [self.name, "-r", found.commit, *words]
        commit = found.commit
        return [
            self.name,
            *arguments.replaced(words, lambda value: commit if value == named else value.text),
        ]

    def _refuse_revision(self, words: Sequence[str]) -> None:
        if named := arguments.value(words, arguments.REVISION):
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"{named.option} {named.text} is not allowed: {self.name} is local, and is launched"
                " as it is",
            )


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"
