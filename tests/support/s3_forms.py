"""The forms of `aws s3` that Nextflow's tasks call, each with what it finds and leaves behind."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.s3_server import Call, S3Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CP = ("s3", "cp", "--only-show-errors")
UP = (*CP, "--storage-class", "STANDARD")
MIB = 1 << 20
#: From here on a client sends parts.
LARGE = bytes(range(256)) * (9 * MIB // 256)
#: Names with which shells, XML, URLs and patterns have had trouble.
NAMES = (
    "with blank",
    " blanks around ",
    "ünïcode 日本 😀",
    'it\'s "quoted"',
    "a*b?[c].txt",
    "plus+and%20percent",
    "hash#query?and&amp;",
    "back\\slash",
    "$HOME `id` ;",
    "~tilde",
    "x=y,z:@!",
)


@dataclass(frozen=True)
class Form:
    """One call.

    Attributes:
        name: What it is about.
        arguments: What follows `aws --region us-west-2`.
        stdin: What comes on its standard input.
        files: Files that are there before, by name.
        links: Symbolic links that are there before: name and target.
        objects: Objects that are there before: key and content.
        extra: What else is put of an object: its content type, storage class …
        make: What else is prepared, in the working directory.
        code: The exit code where ours differs, or the real client's depends on its version.
        markers: Objects that stand for empty folders: ours puts them, the AWS CLI does not.
        folders: Empty folders that ours makes from such objects.
        fewer: Empty folders that only the AWS CLI leaves, for files that it then cannot write.
    """

    name: str
    arguments: tuple[str, ...]
    stdin: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    make: Callable[[Path], object] = lambda _: None
    code: int | None = None
    markers: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()

    def wanted(self, real: Left, ours: Left) -> Left:
        """Return what ours should leave behind, by what the real client left behind."""
        if self.code is not None:
            real = real._replace(code=self.code, spoke=self.code != 0)
        if self.markers:
            empty = {key: (b"", ours.objects[key][1]) for key in self.markers}  # type: ignore[index]
            real = real._replace(objects=real.objects | empty, sent=ours.sent)
        files = {name: what for name, what in real.files.items() if name not in self.fewer}
        return real._replace(files=files | dict.fromkeys(self.folders, "folder"))

    def prepare(self, server: S3Server, folder: Path) -> None:
        """Make everything as it is before the call."""
        server.reset()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        for name, target in self.links.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)
        self.make(folder)
        for key, content in self.objects.items():
            server.put(key, content, **self.extra)
        server.calls.clear()


class Left(NamedTuple):
    """What a call left behind.

    Attributes:
        code: Its exit code.
        out: Its standard output; the times of a listing are of the moment.
        spoke: Whether it said anything on its standard error.
        files: What is in the working directory.
        objects: What is in the bucket.
        sent: What was said with each kind of write: access, encryption, class, who pays, and
            whether there was a checksum.
        pending: Uploads in parts that were not ended.
    """

    code: int
    out: bytes
    spoke: bool
    files: dict[str, object]
    objects: dict[str, object]
    sent: set[tuple[str, ...]]
    pending: int


def left_behind(server: S3Server, folder: Path, code: int, out: bytes, err: bytes) -> Left:
    """Look at what a call left behind."""
    sent = {_said(call) for call in server.calls if call.operation in _WRITES}
    times = rb"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    return Left(
        code,
        re.sub(times, b"TIME", out),
        bool(err.strip()),
        {str(path.relative_to(folder)): _local(path) for path in folder.rglob("*")},
        server.objects(),
        sent,
        server.pending(),
    )


_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
_TOLD = (
    "acl",
    "request-payer",
    "server-side-encryption",
    "server-side-encryption-aws-kms-key-id",
    "storage-class",
)
#: Versions before 2.23 send an MD5.
_CHECKSUM = ("x-amz-checksum-", "x-amz-trailer", "content-md5")


def _said(call: Call) -> tuple[str, ...]:
    headers = [f"{name}: {call.headers.get(f'x-amz-{name}')}" for name in _TOLD]
    carries = call.operation in {"PutObject", "UploadPart"}
    has_checksum = carries and any(name.startswith(_CHECKSUM) for name in call.headers)
    return (call.operation, *headers, f"checksum: {has_checksum}")


def _local(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    if path.is_file():
        return (oct(path.stat().st_mode), path.read_bytes())
    return "folder" if path.is_dir() else "special"


def _uploads() -> Iterable[Form]:
    yield Form("a file", (*UP, "a", "s3://bucket/p/a"), files={"a": b"a\n"})
    yield Form("an empty file", (*UP, "a", "s3://bucket/p/a"), files={"a": b""})
    yield Form("into a folder", (*UP, "d/a", "s3://bucket/p/"), files={"d/a": b"a"})
    yield Form("into the bucket", (*UP, "d/a", "s3://bucket"), files={"d/a": b"a"})
    yield Form("into the bucket/", (*UP, "d/a", "s3://bucket/"), files={"d/a": b"a"})
    yield Form("with slashes", (*UP, "a", "s3://bucket//p//a"), files={"a": b"a"})
    yield Form("with dots", (*UP, "a", "s3://bucket/p/./q/../a"), files={"a": b"a"})
    yield Form("in parts", (*UP, "a", "s3://bucket/p/a"), files={"a": LARGE})
    for size in (8 * MIB - 1, 8 * MIB):
        yield Form(f"{size} bytes", (*UP, "a", "s3://bucket/a"), files={"a": bytes(size)})
    for name in NAMES:
        yield Form(
            f"a file {name!r}", (*UP, f"./{name}", f"s3://bucket/p/{name}"), files={name: b"a"}
        )
    for name in (
        "r.html",
        "t.tsv",
        "c.csv",
        "x.tar.gz",
        "r.fastq.gz",
        "f.svgz",
        "P.PNG",
        "j.json",
        "plain",
    ):
        yield Form(f"the type of {name}", (*UP, name, "s3://bucket/"), files={name: b"a"})
    yield Form("a link", (*UP, "l", "s3://bucket/l"), files={"a": b"a"}, links={"l": "a"})
    yield Form("a broken link", (*UP, "l", "s3://bucket/l"), links={"l": "none"})
    yield Form("a missing file", (*UP, "none", "s3://bucket/a"))
    yield Form("a folder as a file", (*UP, "d", "s3://bucket/d"), files={"d/a": b"a"})
    yield Form("a pipe", (*UP, "p", "s3://bucket/p"), make=lambda folder: os.mkfifo(folder / "p"))
    yield Form("into no bucket", (*UP, "a", "s3://none/a"), files={"a": b"a"})
    for options in OPTIONS:
        yield Form(
            f"a file with {' '.join(options)}",
            (*CP, *options, "a", "s3://bucket/a"),
            files={"a": b"a"},
        )
    yield Form("parts with all", (*CP, *ALL, "a", "s3://bucket/a"), files={"a": LARGE})


#: In the order in which Nextflow writes them.
ALL = (
    *("--acl", "bucket-owner-full-control", "--sse", "aws:kms"),
    *("--sse-kms-key-id", "arn:aws:kms:us-west-2:123456789012:key/k"),
    *("--request-payer", "requester", "--storage-class", "STANDARD_IA"),
)
OPTIONS = (
    ("--sse", "AES256"),
    ("--sse", "aws:kms"),
    ("--sse=AES256",),
    ("--acl", "public-read"),
    ("--storage-class", "INTELLIGENT_TIERING"),
    ("--request-payer", "requester"),
    ALL,
)

TREE = {
    "d/a": b"a\n",
    "d/empty": b"",
    "d/sub dir/ü b": b"b\n",
    "d/sub dir/deep/er/c.html": b"c",
    "d-not/x": b"x",
}
RECURSIVE = (*CP, "--recursive", "--storage-class", "STANDARD")


def _hard_link_and_holes(folder: Path) -> None:
    (folder / "d/b").hardlink_to(folder / "d/a")
    os.truncate(folder / "d/a", 9 * MIB)


def _folders_up() -> Iterable[Form]:
    links = {"d/link": "a", "d/folder link": "sub dir"}
    for source in ("d", "d/", "./d"):
        for target in ("s3://bucket/p/d", "s3://bucket/p/d/", "s3://bucket"):
            yield Form(
                f"the folder {source} to {target}",
                (*RECURSIVE, source, target),
                files=TREE,
                links=links,
            )
    yield Form("a folder with all", (*CP, "--recursive", *ALL, "d", "s3://bucket/d"), files=TREE)
    yield Form(
        "a folder with odd names",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={f"d/{name}/{name}": b"a" for name in NAMES},
    )
    yield Form(
        "an empty folder",
        (*RECURSIVE, "d", "s3://bucket/d"),
        make=lambda folder: (folder / "d").mkdir(),
        markers=("d/",),
    )
    yield Form(
        "an empty folder in folders",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": b"a"},
        make=lambda folder: (folder / "d/e/f").mkdir(parents=True),
        markers=("d/e/f/",),
    )
    yield Form(
        "an empty folder as the bucket",
        (*RECURSIVE, "d", "s3://bucket"),
        make=lambda folder: (folder / "d").mkdir(),
    )
    yield Form("a missing folder", (*RECURSIVE, "none", "s3://bucket/d"))
    yield Form("a file as a folder", (*RECURSIVE, "a", "s3://bucket/a"), files={"a": b"a"})
    yield Form(
        "a folder with a broken link",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files=TREE,
        links={"d/l": "none"},
    )
    yield Form(
        "a folder with a pipe",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files=TREE,
        make=lambda folder: os.mkfifo(folder / "d" / "pipe"),
    )
    yield Form(
        "a folder with links that lead out and to themselves",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": b"a", "o/f": b"f"},
        links={"d/l": "../o", "d/f": "../o/f", "d/self": "self"},
    )
    yield Form(
        "a folder with a device",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": b"a"},
        links={"d/zero": "/dev/zero"},
    )
    yield Form(
        "a folder with names that are not UTF-8",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": b"a", "d/\udcff\udcfe": b"b", "d/\udce9t\udce9/x": b"x"},
    )
    yield Form(
        "a folder with a hard link and a file with holes",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": b"a"},
        make=_hard_link_and_holes,
    )
    yield Form(
        "a folder with a large file",
        (*RECURSIVE, "d", "s3://bucket/d"),
        files={"d/a": LARGE, "d/b": b"b"},
    )
    yield Form("a folder into no bucket", (*RECURSIVE, "d", "s3://none/d"), files=TREE)


def _streams() -> Iterable[Form]:
    for name, content in (("one line", b"0\n"), ("nothing", b""), ("parts", LARGE)):
        yield Form(f"{name} from a stream", (*UP, "-", "s3://bucket/p/x.html"), stdin=content)
        yield Form(f"{name} to a stream", (*CP, "s3://bucket/a", "-"), objects={"a": content})
    yield Form("parts with all from a stream", (*CP, *ALL, "-", "s3://bucket/a"), stdin=LARGE)
    yield Form("a missing object to a stream", (*CP, "s3://bucket/a", "-"))
    yield Form("no bucket to a stream", (*CP, "s3://none/a", "-"))
    yield Form("a stream into no bucket", (*UP, "-", "s3://none/a"), stdin=b"a")


def _downloads() -> Iterable[Form]:
    one = {"p/a": b"a\n"}
    for target in ("b", "new/folder/b", "new/", "./b"):
        yield Form(f"an object to {target}", (*CP, "s3://bucket/p/a", target), objects=one)
    yield Form(
        "an object to a folder", (*CP, "s3://bucket/p/a", "d"), objects=one, files={"d/x": b""}
    )
    yield Form(
        "an object over a file", (*CP, "s3://bucket/p/a", "b"), objects=one, files={"b": b"old"}
    )
    yield Form(
        "an object over a link",
        (*CP, "s3://bucket/p/a", "l"),
        objects=one,
        files={"b": b"old"},
        links={"l": "b"},
    )
    yield Form("an object to a device", (*CP, "s3://bucket/p/a", "/dev/null"), objects=one)
    yield Form("an empty object", (*CP, "s3://bucket/a", "b"), objects={"a": b""})
    yield Form("a large object", (*CP, "s3://bucket/a", "b"), objects={"a": LARGE})
    yield Form("an object of 8 MiB", (*CP, "s3://bucket/a", "b"), objects={"a": bytes(8 * MIB)})
    yield Form(
        "a packed object",
        (*CP, "s3://bucket/a", "b"),
        objects={"a": b"\x1f\x8b"},
        extra={"encoding": "gzip"},
    )
    for name in NAMES:
        yield Form(
            f"an object {name!r}",
            (*CP, f"s3://bucket/p/{name}", f"./{name}"),
            objects={f"p/{name}": b"a"},
        )
    yield Form("a long name", (*CP, "s3://bucket/a", "n" * 255), objects={"a": b"a"})
    yield Form("a missing object", (*CP, "s3://bucket/none", "b"))
    yield Form("a missing object over a file", (*CP, "s3://bucket/none", "b"), files={"b": b"old"})
    yield Form("an object of no bucket", (*CP, "s3://none/a", "b"))
    yield Form(
        "an object where a folder is",
        (*CP, "s3://bucket/p/a", "b"),
        objects=one,
        files={"b/a/x": b""},
    )
    yield Form(
        "an object below a file", (*CP, "s3://bucket/p/a", "b/c"), objects=one, files={"b": b"old"}
    )
    yield Form(
        "an archived object",
        (*CP, "s3://bucket/a", "b"),
        objects={"a": b"a"},
        extra={"storage": "GLACIER"},
    )


DOWN = (*CP, "--recursive")


def _folders_down() -> Iterable[Form]:
    for source in ("s3://bucket/d", "s3://bucket/d/"):
        for target in ("d", "new/d/", "."):
            yield Form(f"{source} to {target}", (*DOWN, source, target), objects=TREE)
    yield Form(
        "the options in the other order",
        ("s3", "cp", "--recursive", "--only-show-errors", "s3://bucket/d", "d"),
        objects=TREE,
    )
    yield Form("the whole bucket", (*DOWN, "s3://bucket", "all"), objects=TREE)
    yield Form(
        "a folder with markers",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/": b"", "d/e/": b"", "d/a": b"a"},
        folders=("d/e",),
    )
    yield Form(
        "a folder with a marker where a file is",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/a": b"a", "d/a/": b"", "d/a/b/": b""},
    )
    yield Form(
        "odd names",
        (*DOWN, "s3://bucket/d", "d"),
        objects={f"d/{name}/{name}": b"a" for name in NAMES},
    )
    yield Form("nothing", (*DOWN, "s3://bucket/d", "d"))
    yield Form("a file's name", (*DOWN, "s3://bucket/a", "a"), objects={"a": b"a"})
    yield Form("a folder of no bucket", (*DOWN, "s3://none/d", "d"))
    yield Form(
        "a folder over files",
        (*DOWN, "s3://bucket/d", "d"),
        objects=TREE,
        files={"d/a": b"old", "d/own": b""},
    )
    yield Form(
        "names that lead out",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/../../out": b"a", "d/a": b"a"},
    )
    for key in ("..", "x/../..", "/..", "/../out", "x/../../out"):
        yield Form(
            f"a key {key!r} that leads out",
            (*DOWN, "s3://bucket/d", "d"),
            objects={f"d/{key}": b"a", "d/a": b"a"},
            code=2,
            fewer=("d/x",),
        )
    for key in (".", "", "a/", "x/y/.."):
        yield Form(
            f"a key {key!r} that is a folder's",
            (*DOWN, "s3://bucket/d", "t"),
            objects={f"d/{key}": b"a", "d/b": b"b"},
            fewer=("t/a", "t/x", "t/x/y"),
        )
    for key in ("/a", "./a", "x/../a", "/etc/passwd", "a\\b", "..\\x", "x_$folder$", "..a", "..."):
        yield Form(
            f"a key {key!r}",
            (*DOWN, "s3://bucket/d", "d"),
            objects={f"d/{key}": b"a", "d/b": b"b", "d/x/c": b"c"},
        )
    yield Form(
        "a name that is too long",
        (*DOWN, "s3://bucket/d", "d"),
        objects={f"d/{256 * 'n'}": b"a", "d/b": b"b"},
    )
    yield Form(
        "two keys of one name",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/a": b"a", "d//a": b"a"},
        code=1,
    )
    for key in ("p/", "p/.", "p/.."):
        yield Form(
            f"the object {key} to a folder",
            (*CP, f"s3://bucket/{key}", "d"),
            objects={key: b"a"},
            files={"d/x": b""},
        )
    yield Form(
        "a file that is also a folder",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/a": b"a", "d/z": b"z"},
        files={"d/a/x": b""},
    )
    glacier = {"storage": "GLACIER"}
    yield Form("an archived folder", (*DOWN, "s3://bucket/d", "d"), objects=TREE, extra=glacier)
    yield Form("many", (*DOWN, "s3://bucket/m", "m"), objects={f"m/{n}": b"" for n in range(1001)})
    yield Form(
        "a folder with a large object",
        (*DOWN, "s3://bucket/d", "d"),
        objects={"d/a": LARGE, "d/b": b"b"},
    )


def _listings() -> Iterable[Form]:
    there = {
        "in/dir/x": b"x",
        "in/dir two/y": b"",
        "in/a b": bytes(12345),
        "in/ab": b"9",
        "in/dir": b"f",
    }
    for place in ("in/", "in/dir", "in/dir/", "in/a", "none", ""):
        yield Form(f"ls of {place!r}", ("s3", "ls", f"s3://bucket/{place}"), objects=there)
    yield Form("ls of the bucket", ("s3", "ls", "s3://bucket"), objects=there)
    yield Form("ls of an empty bucket", ("s3", "ls", "s3://bucket"))
    yield Form("ls of no bucket", ("s3", "ls", "s3://none/a"), code=254)
    yield Form(
        "ls of odd names", ("s3", "ls", "s3://bucket/p/"), objects={f"p/{n}": b"" for n in NAMES}
    )
    yield Form(
        "ls of odd folders",
        ("s3", "ls", "s3://bucket/p/"),
        objects={f"p/{n}/x": b"" for n in NAMES},
    )
    yield Form(
        "ls of many", ("s3", "ls", "s3://bucket/m/"), objects={f"m/{n}": b"" for n in range(1001)}
    )


FORMS = [*_uploads(), *_folders_up(), *_streams(), *_downloads(), *_folders_down(), *_listings()]
