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
from typing import IO, cast

from nextflow_head import memory
from nextflow_head.input_error import InputError

#: How the names of archives end, in lower or upper case.
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Far more than any real project has, however well it is compressed.
_RATIO = 100
_SMALL = 100 * 2**20
# Each file takes at least this from a disk.
_BLOCK = 4096
_LONGEST_LINK = 4096
# Far deeper than any real project; Python's own limit for functions that call themselves is 1000.
_DEEPEST = 100
_LONGEST_SHOWN = 200
# Enough for half a million entries of a zip file, or for the dictionary of `xz -9`. Headers of a
# few bytes can request any amount.
_MEMORY = 256 * 2**20


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


def place(name: str, shown: str = "") -> PurePosixPath:
    """Where a name leads below a folder.

    Args:
        name: The name.
        shown: How messages show it, if not as it is.

    Raises:
        ProjectError: Out of the folder, nowhere, or too deep.
    """
    path = PurePosixPath(name)
    drive = name[1:3] == ":/" and name[0].isalpha()
    if path.is_absolute() or ".." in path.parts or drive or "\0" in name:
        raise ProjectError(f"{shown or _shown(name)} leads out of the folder")
    if len(path.parts) > _DEEPEST:
        raise ProjectError(f"{shown or _shown(name)} is inside more than {_DEEPEST} folders")
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
        with memory.at_most(_MEMORY):
            _unpack(archive, folder)
    except MemoryError:
        raise ProjectError(
            f"reading it takes more than {_MEMORY // 2**20} MiB of memory: it has too many entries,"
            " or is damaged"
        ) from None
    except NotImplementedError as error:
        # Such as Deflate64, which Explorer uses for large files.
        raise ProjectError(f"its compression is not supported ({error})") from None
    except _BROKEN as error:
        if isinstance(error, OSError) and error.strerror:
            raise ProjectError(error.strerror) from None
        why = " ".join(str(error).split())[:_LONGEST_SHOWN] or type(error).__name__
        raise ProjectError(f"it is damaged, or not of a usual form ({why})") from None


def _unpack(archive: Path, folder: Path) -> None:
    with archive.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if zipped:
        with zipfile.ZipFile(archive) as content:
            _write(_of_zip(content), folder, archive.stat().st_size)
    else:
        with _tar(archive) as tar:
            _write(_of_tar(tar), folder, archive.stat().st_size)


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


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
            raise ProjectError(
                f"{_shown(name)} is encrypted: create the archive without a password"
            )
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
            "it is neither a zip nor a tar file (plain, gzip, bzip2 or xz), or it is damaged"
        ) from None


def _of_tar(archive: tarfile.TarFile) -> Iterator[Member]:
    for item in archive:
        if not (item.isreg() or item.isdir() or item.islnk() or item.issym()):
            raise ProjectError(f"{_shown(item.name)} is neither a file nor a folder nor a link")
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
    # Python takes a header that is damaged for the end, which is a block of zeros.
    # https://www.gnu.org/software/tar/manual/html_node/Standard.html
    file = cast("IO[bytes]", archive.fileobj)
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ProjectError("it is damaged, or its end is missing")


def _content(archive: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(item)
    if content is None:
        raise ProjectError(f"{_shown(item.name)} is linked to something that is not a file")
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
                raise ProjectError(f"{_shown(member.name)} is both a file and a folder") from None
            except OSError as error:
                raise ProjectError(f"{_shown(member.name)}: {error.strerror or error}") from None
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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(aim)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ProjectError(f"the link {name!r} to {_shown(aim)}: {why}") from None
    for path, aim in links.items():
        # What a link leads to may be another.
        if not Path(os.path.realpath(path)).is_relative_to(folder.resolve()):
            name = path.relative_to(folder).as_posix()
            raise ProjectError(f"the link {name!r} to {_shown(aim)} points out of the folder")
