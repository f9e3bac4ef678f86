"""Archives of projects, as Linux, Macs and Windows write them."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from nextflow_head.input_error import InputError

#: How the names of archives end, in lower or upper case.
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Far more than any real project has, however well it is compressed.
_RATIO = 100
_SMALL = 100 * 2**20
# Each file takes at least this from a disk.
_BLOCK = 4096
_LONGEST_LINK = 4096


class ProjectError(InputError):
    """Why a project, or a file of it, is not unpacked."""


@dataclass(frozen=True)
class Member:
    """What an archive holds of one name.

    Attributes:
        name: As the archive has it, with `/` between its steps.
        changed: When it was modified, in seconds since 1970.
        size: In bytes, as the archive says.
        executable: Whether its owner may execute it.
        open: Opens a file's content; None for a folder.
        link: What it points to, if it is a symbolic link.
    """

    name: str
    changed: float
    size: int
    executable: bool
    open: Callable[[], IO[bytes]] | None
    link: str | None = None


def is_archive(name: str) -> bool:
    """Whether a file of this name is one."""
    return name.lower().endswith(ENDINGS)


def is_litter(path: PurePosixPath) -> bool:
    """Whether Finder, Explorer or Git created it: it is not part of the project."""
    return path.name in {".DS_Store", "Thumbs.db", "desktop.ini", "pax_global_header"} or any(
        step == "__MACOSX" or step.startswith("._") for step in path.parts
    )


def place(name: str) -> PurePosixPath:
    """Where a name leads below a folder.

    Raises:
        ProjectError: Out of the folder, or nowhere.
    """
    path = PurePosixPath(name)
    drive = name[1:3] == ":/" and name[0].isalpha()
    if path.is_absolute() or ".." in path.parts or drive or "\0" in name:
        raise ProjectError(f"{name!r} leads out of the folder")
    return path


def limit(folder: Path) -> int:
    """The bytes that a project may have: half of the free space on the folder's disk."""
    return shutil.disk_usage(folder).free // 2


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into a folder that is empty.

    Modes become 755 or 644; modification times are the archive's.

    Raises:
        ProjectError: It cannot be unpacked, or must not be.
    """
    try:
        with archive.open("rb") as file:
            zipped = file.read(2) == b"PK"
        if zipped:
            with zipfile.ZipFile(archive) as content:
                _write(_of_zip(content), folder, archive.stat().st_size)
        else:
            with _tar(archive) as tar:
                _write(_of_tar(tar), folder, archive.stat().st_size)
    except NotImplementedError as error:
        # Such as Deflate64, which Explorer uses for large files.
        raise ProjectError(f"its compression is not supported ({error})") from None
    except _BROKEN as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise ProjectError(why or " ".join(str(error).split()) or type(error).__name__) from None


# What the libraries raise on broken content: https://docs.python.org/3/library/zipfile.html
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    KeyError,
    IndexError,
)


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    for item in archive.infolist():
        # Windows writes its own separator, against the format's rule.
        name = _zip_name(item).replace("\\", "/")
        mode = item.external_attr >> 16
        if item.flag_bits & 1:
            raise ProjectError(f"{name!r} is encrypted: create the archive without a password")
        try:
            # Without a zone: it matters only that it is the same each time.
            changed = datetime(*item.date_time, tzinfo=UTC).timestamp()
        except ValueError:
            changed = 0
        link = None
        if stat.S_ISLNK(mode):
            with archive.open(item) as content:
                link = os.fsdecode(content.read(_LONGEST_LINK))
        yield Member(
            name,
            changed,
            item.file_size,
            bool(mode & stat.S_IXUSR),
            None if name.endswith("/") else partial(archive.open, item),
            link,
        )


def _zip_name(item: zipfile.ZipInfo) -> str:
    """Its name; programs on a Mac write UTF-8 without saying so, old ones on Windows cp437."""
    if item.flag_bits & 0x800:
        return item.filename
    try:
        return item.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return item.filename


def _tar(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, "r:*", encoding="utf-8")
    except (tarfile.ReadError, EOFError):
        raise ProjectError(
            "it is neither a zip nor a tar file (plain, gzip, bzip2 or xz)"
        ) from None


def _of_tar(archive: tarfile.TarFile) -> Iterator[Member]:
    for item in archive:
        if not (item.isreg() or item.isdir() or item.islnk() or item.issym()):
            raise ProjectError(f"{item.name!r} is neither a file nor a folder nor a link")
        # Of a hard link this opens what it is linked to.
        content = partial(_content, archive, item)
        yield Member(
            item.name,
            item.mtime,
            item.size,
            bool(item.mode & stat.S_IXUSR),
            None if item.isdir() else content,
            item.linkname if item.issym() else None,
        )


def _content(archive: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(item)
    if content is None:
        raise ProjectError(f"{item.name!r} is linked to something that is not a file")
    return content


def _write(members: Iterable[Member], folder: Path, archived: int) -> None:
    most = min(limit(folder), max(_SMALL, _RATIO * archived))
    links: dict[Path, str] = {}
    left = most
    for member in members:
        left -= _BLOCK
        path = place(member.name)
        if is_litter(path) or not path.parts:
            left -= member.size
        elif member.link is not None:
            links[folder / path] = member.link
        else:
            try:
                left = _write_one(member, folder / path, left)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise ProjectError(f"{member.name!r} is both a file and a folder") from None
            except OSError as error:
                raise ProjectError(f"{member.name!r}: {error.strerror or error}") from None
        if left < 0:
            raise ProjectError(
                f"it unpacks to more than {most // 2**20} MiB, which is {_RATIO} times its size, or"
                " half of the free space on the head's disk"
            )
    _create_links(links, folder)


def _write_one(member: Member, target: Path, left: int) -> int:
    """Writes a file or folder; returns what is left to write, as soon as that is below zero."""
    if member.open is None:
        target.mkdir(parents=True, exist_ok=True)
        return left
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as content, target.open("wb") as file:
        while left >= 0 and (piece := content.read(2**20)):
            left -= file.write(piece)
    target.chmod(0o755 if member.executable else 0o644)
    os.utime(target, (member.changed, member.changed))
    return left


def _create_links(links: Mapping[Path, str], folder: Path) -> None:
    """Creates symbolic links last, and none below another, so nothing is written through them."""
    for path, aim in links.items():
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(parent in links for parent in path.parents):
            raise ProjectError(f"{name!r} is both a link and a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(aim)
    for path, aim in links.items():
        # What a link leads to may be another.
        if not Path(os.path.realpath(path)).is_relative_to(folder.resolve()):
            name = path.relative_to(folder).as_posix()
            raise ProjectError(f"the link {name!r} to {aim!r} points out of the folder")
