"""A local project: which of its files are uploaded, and the archive that they are uploaded in."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pathspec import GitIgnoreSpec

#: What Git and Nextflow write beside a project's own files.
_NEVER = ("/.git", "/.nextflow/", "/.nextflow.log*", ".DS_Store", "__pycache__/")
_IGNORE_FILE = ".gitignore"
_LARGEST_MIB = 500


class ProjectFolder:
    """A folder with a project.

    Args:
        folder: The folder.

    Raises:
        NfbatchError: It is too large, or a link leads out of it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        try:
            self.files = sorted(_files(folder, Path(), []))
            self.size = sum((folder / file).lstat().st_size for file in self.files)
        except OSError as error:
            raise NfbatchError(
                Kind.BAD_INPUT, f"{error.filename} cannot be read: {error.strerror}"
            ) from None
        self._check_size()
        self._check_links()

    def has(self, name: str) -> bool:
        """Whether the project has a file of this name."""
        return Path(name) in self.files

    def pack(self, target: IO[bytes]) -> None:
        """Writes the files as a compressed tar archive, with the times that they have.

        Nextflow's task hashes contain paths and times of a project's files; so a run that is
        launched again from the same files can resume.
        """
        with tarfile.open(fileobj=target, mode="w:gz", compresslevel=6) as archive:
            for file in self.files:
                archive.add(self.path / file, str(file), recursive=False, filter=_anonymous)

    def _check_size(self) -> None:
        mebibytes = self.size / 2**20
        if mebibytes <= _LARGEST_MIB:
            return
        largest = max(self.files, key=lambda file: (self.path / file).lstat().st_size)
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"{self.path} has {mebibytes:,.0f} MiB, and a project may have {_LARGEST_MIB}: list"
            f" what it does not need in {self.path / _IGNORE_FILE}; the largest file is {largest}",
        )

    def _check_links(self) -> None:
        root = self.path.resolve()
        for file in self.files:
            path = self.path / file
            if path.is_symlink() and (
                path.readlink().is_absolute() or not path.resolve().is_relative_to(root)
            ):
                raise NfbatchError(
                    Kind.BAD_INPUT,
                    f"{path} is a link that leads out of the project: replace it by what it leads"
                    f" to, or list it in {self.path / _IGNORE_FILE}",
                )


def _files(root: Path, folder: Path, inherited: list[tuple[Path, GitIgnoreSpec]]) -> Iterator[Path]:
    """The files below a folder that no `.gitignore` excludes, relative to the project."""
    # It takes longer to import than the rest of this package.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    specs = list(inherited)
    if not folder.parts:
        specs.append((folder, GitIgnoreSpec.from_lines(_NEVER)))
    ignore = root / folder / _IGNORE_FILE
    if ignore.is_file():
        lines = ignore.read_text(encoding="utf-8", errors="replace").splitlines()
        specs.append((folder, GitIgnoreSpec.from_lines(lines)))
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = folder / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _is_ignored(path, is_folder, specs):
                continue
            if is_folder:
                yield from _files(root, path, specs)
            elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                yield path


def _is_ignored(path: Path, is_folder: bool, specs: list[tuple[Path, GitIgnoreSpec]]) -> bool:
    """Whether the last pattern that matches excludes a path, as Git decides."""
    ignored = False
    for base, spec in specs:
        relative = path.relative_to(base).as_posix() + ("/" if is_folder else "")
        found = spec.check_file(relative).include
        if found is not None:
            ignored = found
    return ignored


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info
