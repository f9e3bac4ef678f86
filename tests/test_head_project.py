"""Projects that lie in S3."""

import gzip
import io
import lzma
import os
import resource
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextflow_head import project
from nextflow_head.archive import ProjectError, unpack
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri
from stacks import paths

FILES = {"main.nf": b"workflow {}", "bin/tool.sh": b"#!/bin/sh", "conf/base.config": b"x = 1"}


def put(s3: Any, prefix: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        s3.put_object(Bucket="bucket", Key=f"{prefix}{name}", Body=content)


def archive(suffix: str, prefix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w") as content:
            for name, data in FILES.items():
                info = zipfile.ZipInfo(prefix + name)
                info.external_attr = (0o755 if name.startswith("bin/") else 0o644) << 16
                content.writestr(info, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, data in FILES.items():
                member = tarfile.TarInfo(prefix + name)
                member.size = len(data)
                member.mode = 0o755 if name.startswith("bin/") else 0o644
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_brings_a_folder_with_its_programs_executable(s3: Any, tmp_path: Path) -> None:
    put(s3, "projects/mine/", FILES | {"empty/": b""})
    put(s3, "projects/mine-too/", {"main.nf": b"not this"})

    root = project.stage(S3Uri("bucket", "projects/mine"), tmp_path / "p", s3)

    assert content(root) == FILES
    assert (root / "bin/tool.sh").stat().st_mode & 0o111
    assert not (root / "main.nf").stat().st_mode & 0o111


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tgz"])
@pytest.mark.parametrize("prefix", ["", "repo-1.0/"])
def test_unpacks_an_archive_with_or_without_a_folder_around_it(
    s3: Any, tmp_path: Path, suffix: str, prefix: str
) -> None:
    put(s3, "a/", {f"p{suffix}": archive(suffix, prefix)})

    root = project.stage(S3Uri("bucket", f"a/p{suffix}"), tmp_path / "p", s3)

    assert content(root) == FILES
    assert (root / "bin/tool.sh").stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (
            S3Uri("bucket", "nothing"),
            "s3://bucket/nothing is not a Nextflow project: it must be a folder, or an archive (.zip, .tar,"
            " .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz) of one, that contains main.nf or"
            " nextflow.config",
        ),
        (
            S3Uri("bucket", "missing.zip"),
            "the project s3://bucket/missing.zip cannot be read: GetObject answered NoSuchKey:"
            " The specified key does not exist.",
        ),
        (
            S3Uri("absent", "p"),
            "the project s3://absent/p cannot be read: ListObjectsV2 answered NoSuchBucket:"
            " The specified bucket does not exist",
        ),
        (
            S3Uri("bucket", "broken.zip"),
            "the project s3://bucket/broken.zip cannot be read: it is neither a zip nor a tar"
            " file (plain, gzip, bzip2 or xz), or it is damaged",
        ),
        (
            S3Uri("bucket", "broken.tar.gz"),
            "the project s3://bucket/broken.tar.gz cannot be read: it is neither a zip nor a tar"
            " file (plain, gzip, bzip2 or xz), or it is damaged",
        ),
        (
            S3Uri("bucket", "escape"),
            "the project s3://bucket/escape cannot be read: the key 'escape/../../x' leads out"
            " of the folder",
        ),
        (
            S3Uri("bucket", "twice"),
            "the project s3://bucket/twice cannot be read: the key 'twice/a//b' has a part that"
            " cannot be the name of a folder",
        ),
        (
            S3Uri("bucket", "both"),
            "the project s3://bucket/both cannot be read: 'data/x' is both a file and a folder",
        ),
        (
            S3Uri("bucket", "script/main.nf"),
            "s3://bucket/script/main.nf is not a Nextflow project: it must be a folder, or an archive"
            " (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz) of one, that contains main.nf"
            " or nextflow.config; for a script, pass its folder, s3://bucket/script, and"
            " -main-script main.nf",
        ),
        (
            S3Uri("bucket", "p -r main"),
            "s3://bucket/p -r main is not a Nextflow project: it must be a folder, or an archive (.zip,"
            " .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz) of one, that contains main.nf or"
            " nextflow.config; each option and value is a separate argument of the command",
        ),
    ],
)
def test_says_in_one_line_why_a_project_cannot_be_had(
    s3: Any, tmp_path: Path, location: S3Uri, reason: str
) -> None:
    put(
        s3,
        "",
        {"broken.zip": b"?", "broken.tar.gz": b"??", "escape/../../x": b"?", "twice/a//b": b"?"},
    )
    put(s3, "", {"both/data": b"?", "both/data/x": b"?", "script/main.nf": b"?"})

    with pytest.raises(InputError) as caught:
        project.stage(location, tmp_path / "p", s3)

    assert caught.value.lines == (reason,)


def copy(s3: Any, folder: Path, name: str, content: bytes, script: str | None = None) -> Path:
    s3.put_object(Bucket="bucket", Key=name, Body=content)
    return project.stage(S3Uri("bucket", name), folder / "p", s3, script)


def why_not(s3: Any, folder: Path, name: str, content: bytes) -> str:
    """The reason why an archive is not allowed."""
    with pytest.raises(InputError) as caught:
        copy(s3, folder, name, content)
    (line,) = caught.value.lines
    what = f"the project s3://bucket/{name} cannot be read: "
    assert line.startswith(what)
    return line.removeprefix(what)


def zipped(*members: tuple[str, bytes], **fields: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, data)
    return buffer.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def linked(name: str, aim: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, aim
    return info, b""


def with_links(links: dict[str, str], suffix: str, **files: bytes) -> bytes:
    """An archive of a main.nf, other files, and symbolic links."""
    files = {"main.nf": b"workflow {}", **files}
    if suffix == ".tar.gz":
        members = [(tarfile.TarInfo(name), data) for name, data in files.items()]
        return tarred(*members, *(linked(name, aim) for name, aim in links.items()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, aim in links.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, aim)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "litter",
    [
        ("__MACOSX/mypipe/._main.nf", "__MACOSX/._mypipe"),
        ("._mypipe", "mypipe/._main.nf", "mypipe/bin/._tool.sh"),
        (".DS_Store", "mypipe/.DS_Store"),
        ("Thumbs.db", "desktop.ini", "pax_global_header"),
    ],
)
@pytest.mark.parametrize(
    "name", ["p.zip", "P.ZIP", "p.tgz", "P.TAR.GZ", "p.tar", "p.tar.bz2", "p.tar.xz"]
)
def test_what_finder_explorer_and_git_leave_in_an_archive_does_not_count(
    s3: Any, tmp_path: Path, name: str, litter: tuple[str, ...]
) -> None:
    members = [(f"./mypipe/{file}", data) for file, data in FILES.items()]
    members += [(file, b"\0") for file in litter]
    if name.lower().endswith(".zip"):
        archive = zipped(*members)
    else:
        kind = {"gz": "gz", "tgz": "gz", "tar": "", "bz2": "bz2", "xz": "xz"}
        mode = kind[name.lower().rpartition(".")[2]]
        archive = tarred(
            *((tarfile.TarInfo(file), data) for file, data in members), mode=f"w:{mode}"
        )

    root = copy(s3, tmp_path, name, archive)

    assert content(root) == FILES
    assert (root / "bin/tool.sh").stat().st_mode & 0o111, "no mode said so"


def test_litter_of_a_folder_does_not_count_and_hidden_files_do(s3: Any, tmp_path: Path) -> None:
    stored_files = FILES | {".nf-core.yml": b"a", "my data/größe.csv": b"b", "conf/.hidden": b"c"}
    put(
        s3,
        "My Pipelines/p/",
        stored_files | {".DS_Store": b"", "bin/._tool.sh": b"", "bin/": b"", "x/": b""},
    )

    root = project.stage(S3Uri("bucket", "My Pipelines/p"), tmp_path / "p", s3)

    assert content(root) == stored_files
    assert (root / "x").is_dir()


def test_a_zip_from_windows_has_backslashes_and_its_own_letters(s3: Any, tmp_path: Path) -> None:
    archive = zipped(
        ("p\\main.nf", b"a"), ("p\\bin\\", b""), ("p\\bin\\x.sh", b"b"), create_system=0
    )

    root = copy(s3, tmp_path, "p.zip", archive)

    assert content(root) == {"main.nf": b"a", "bin/x.sh": b"b"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_are_read_as_utf_8_where_that_fits_and_else_as_cp437(
    s3: Any, tmp_path: Path, encoding: str
) -> None:
    raw = "größe.nf".encode(encoding)
    # zipfile writes one letter for each byte, and says nothing of UTF-8.
    archive = zipped(("main.nf", b""), ("x" * len(raw), b"")).replace(b"x" * len(raw), raw)

    assert (copy(s3, tmp_path, "p.zip", archive) / "größe.nf").is_file()


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_links_inside_of_an_archive_are_made(s3: Any, tmp_path: Path, suffix: str) -> None:
    links = {"p.nf": "main.nf", "bin/go": "../sub/go", "all": "sub", "nowhere": "gone", "me": "me"}

    root = copy(s3, tmp_path, f"p{suffix}", with_links(links, suffix, **{"sub/go": b"#!"}))

    assert (root / "p.nf").read_bytes() == b"workflow {}"
    assert (root / "all/go").read_bytes() == b"#!"
    assert {name: str((root / name).readlink()) for name in links} == links
    assert (root / "sub/go").stat().st_mode & 0o111


def test_main_nf_may_itself_be_a_link(s3: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("workflows/main.nf", "hi")
        info = zipfile.ZipInfo("main.nf")
        info.external_attr = 0o120777 << 16
        out.writestr(info, "workflows/main.nf")

    assert (copy(s3, tmp_path, "p.zip", buffer.getvalue()) / "main.nf").read_text() == "hi"


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ({"x": "/etc/passwd"}, "the link 'x' to '/etc/passwd' points out of the folder"),
        ({"x": "../../y"}, "the link 'x' to '../../y' points out of the folder"),
        ({"a": "d/e/b/../../../x", "d/e/b": "../.."}, "the link 'a' to 'd/e/b/../../../x' points "),
        ({"a": "sub", "a/b": "../.."}, "'a/b' is both a link and a folder"),
        ({"sub": "main.nf"}, "'sub' is both a link and a folder"),
    ],
)
def test_links_that_lead_out_are_refused(
    s3: Any, tmp_path: Path, suffix: str, links: dict[str, str], reason: str
) -> None:
    archive = with_links(links, suffix, **{"sub/go": b""})

    assert why_not(s3, tmp_path, f"p{suffix}", archive).startswith(reason)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x"])
def test_an_archive_cannot_write_outside_of_its_folder(
    s3: Any, tmp_path: Path, suffix: str, name: str
) -> None:
    archive = zipped((name, b"")) if suffix == ".zip" else tarred((tarfile.TarInfo(name), b""))

    assert why_not(s3, tmp_path, f"p{suffix}", archive) == f"{name!r} leads out of the folder"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name == "x"]


def test_a_link_of_an_archive_is_not_written_through(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    archive = tarred(linked("a", str(tmp_path / "out")), (tarfile.TarInfo("a/x"), b"?"))

    why_not(s3, tmp_path, "p.tar.gz", archive)

    assert not list((tmp_path / "out").iterdir())


def test_a_hard_link_is_a_copy(s3: Any, tmp_path: Path) -> None:
    archive = tarred(
        (tarfile.TarInfo("main.nf"), b"hi"), linked("b.nf", "main.nf", tarfile.LNKTYPE)
    )

    assert content(copy(s3, tmp_path, "p.tgz", archive)) == {"main.nf": b"hi", "b.nf": b"hi"}


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (
            zipped(("main.nf", b"x")).replace(b"PK\1\2\x14\x03\x14\0\0", b"PK\1\2\x14\x03\x14\0\1"),
            "'main.nf' is encrypted: create the archive without a password",
        ),
        (
            zipped(("main.nf", b"x")).replace(b"\x14\0\0\0\x08\0", b"\x14\0\0\0\x09\0"),
            "its compression is not supported (",
        ),
        (
            zipped(("main.nf", b"x" * 999)).replace(b"K", b"L"),
            "it is neither a zip nor a tar",
        ),
        (zipped(("main.nf", b"x"), ("main.nf/y", b"x")), "'main.nf/y' is both a file and a folder"),
        (zipped(("a" * 300, b"x")), f"'{'a' * 200}…': File name too long"),
        (
            tarred(linked("main.nf", "/dev/null", tarfile.CHRTYPE)),
            "'main.nf' is neither a file nor a folder nor a link",
        ),
        (
            tarred((tarfile.TarInfo("main.nf"), b"0" * 150 * 2**20)),
            "it unpacks to more than 100 MiB, which is 100 times its size, or half of the free space"
            " on the head's disk",
        ),
        (
            tarred(
                (tarfile.TarInfo("main.nf"), b"0" * 30 * 2**20),
                *(linked(f"{n}", "main.nf", tarfile.LNKTYPE) for n in range(4)),
            ),
            "it unpacks to more than 100 MiB, which is 100 times its size, or half of the free space"
            " on the head's disk",
        ),
    ],
    ids=["encrypted", "method", "broken", "both", "long", "device", "bomb", "copies"],
)
def test_an_archive_that_cannot_be_unpacked_is_refused_in_words(
    s3: Any, tmp_path: Path, archive: bytes, reason: str
) -> None:
    assert why_not(s3, tmp_path, "p.zip", archive).startswith(reason)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from([".zip", ".tar.gz", ".tar"]),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_archive_is_refused_or_read(
    tmp_path: Path, kind: str, damage: list[tuple[float, int]]
) -> None:
    raw = bytearray(
        with_links({"l": "sub/go"}, ".zip" if kind == ".zip" else ".tar.gz", a=b"b" * 99)
    )
    if kind == ".tar":
        raw = bytearray(gzip.decompress(raw))
    for where, byte in damage:
        raw[int(where * (len(raw) - 1))] = byte
    with tempfile.TemporaryDirectory(dir=tmp_path) as name:
        folder = Path(name, "folder")
        folder.mkdir()
        damaged = Path(name, "damaged")
        damaged.write_bytes(raw)
        with suppress(ProjectError):
            unpack(damaged, folder)

        assert {path.name for path in Path(name).iterdir()} == {"folder", "damaged"}


def raw_header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    """A tar header with a size that no content has to have."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def of_folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def directory_of(entries: int) -> bytes:
    """A zip file that is all central directory; Python holds all of it in memory."""
    name = b"n"
    fields = (20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
    directory = (struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields) + name) * entries
    end = struct.pack(
        "<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, len(directory), 0
    )
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(directory), 1)
    return (
        directory
        + end
        + locator
        + struct.pack("<4s4H2IH", b"PK\5\6", *[0xFFFF] * 4, *[2**32 - 1] * 2, 0)
    )


PLAIN = tarred((tarfile.TarInfo("main.nf"), b"x" * 600), (tarfile.TarInfo("b"), b""), mode="w")


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (PLAIN[:1536], "it is damaged, or its end is missing"),
        (PLAIN[:1600], "it is damaged, or its end is missing"),
        (PLAIN[:1000], "it is damaged, or not of a usual form (unexpected end of data)"),
        (PLAIN[:1536] + b"x" + PLAIN[1537:], "it is damaged, or its end is missing"),
        (
            tarred((tarfile.TarInfo("main.nf"), b"x" * 600))[:-20],
            "it is damaged, or not of a usual form (Compressed file ended before the end-of-stream"
            " marker was reached)",
        ),
        (
            zipped(("main.nf", b"x"))[:-30],
            "it is damaged, or not of a usual form (File is not a zip file)",
        ),
        (
            tarred(linked("main.nf", "a" * 5000)),
            f"the link 'main.nf' to '{'a' * 200}…': File name too long",
        ),
        (zipped(("b/" * 101, b"")), f"'{'b/' * 100}…' is inside more than 100 folders"),
        (zipped(("b/" * 9000, b"")), f"'{'b/' * 100}…' is inside more than 100 folders"),
        (
            tarred(*((of_folder("b/" * depth), b"") for depth in range(1, 1200))),
            f"'{'b/' * 100}…' is inside more than 100 folders",
        ),
    ],
    ids=["boundary", "header", "data", "middle", "gz", "zip", "link", "folders", "deep", "steps"],
)
def test_what_is_damaged_or_absurd_is_refused_in_words(
    s3: Any, tmp_path: Path, archive: bytes, reason: str
) -> None:
    assert why_not(s3, tmp_path, "p.tar", archive) == reason


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="no /proc: memory has no limit")
@pytest.mark.parametrize(
    "archive",
    [
        gzip.compress(raw_header("h", tarfile.XHDTYPE, 2**33 - 1) + b"0" * 2**29, 1),
        gzip.compress(raw_header("h", tarfile.GNUTYPE_LONGNAME, 2**33 - 1) + b"0" * 2**29, 1),
        lzma.compress(PLAIN, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**30}]),
    ],
    ids=["pax", "longname", "dictionary"],
)
def test_an_archive_cannot_use_up_the_memory(s3: Any, tmp_path: Path, archive: bytes) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)

    assert why_not(s3, tmp_path, "p.tar", archive) == (
        "reading it takes more than 256 MiB of memory: it has too many entries, or is damaged"
    )
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="no /proc: memory has no limit")
def test_an_archive_of_too_many_entries_cannot_use_up_the_memory(tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    archive.write_bytes(directory_of(400_000))
    # In a process of its own: this one may have as much that it has freed and not returned.
    program = """
import sys
from pathlib import Path
from nextflow_head import archive
archive._MEMORY = 4 * 2**20
try:
    archive.unpack(Path(sys.argv[1]), Path(sys.argv[2]))
except archive.ProjectError as error:
    print(error)
"""

    run = subprocess.run(
        [sys.executable, "-c", program, archive, tmp_path / "project"],
        env={**os.environ, "PYTHONPATH": str(paths.ROOT / "docker" / "nextflow")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr) == (
        "reading it takes more than 4 MiB of memory: it has too many entries, or is damaged\n",
        "",
    )


def test_a_key_of_hundreds_of_folders_is_refused(s3: Any, tmp_path: Path) -> None:
    put(s3, "p/", {"a/" * 400 + "main.nf": b""})

    with pytest.raises(InputError, match="is inside more than 100 folders"):
        project.stage(S3Uri("bucket", "p"), tmp_path / "p", s3)


def test_a_project_larger_than_the_disk_is_not_begun(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "p/", {"main.nf": b"x" * 11})
    put(s3, "", {"p.zip": b"x" * 11})
    monkeypatch.setattr("nextflow_head.archive.limit", lambda _: 10)

    for name, what in (("p", "it is larger"), ("p.zip", "it is larger")):
        with pytest.raises(
            InputError, match=f"{what} than 0 MiB, half of the free space on the head's disk"
        ):
            project.stage(S3Uri("bucket", name), tmp_path / name, s3)


def test_another_script_than_main_nf_counts_as_the_projects(s3: Any, tmp_path: Path) -> None:
    put(s3, "p2/", {"build.nf": b"a", "lib/other.nf": b"b", "my params.json": b"{}"})
    lines: list[str] = []

    arguments = project.bring(
        ["-main-script", "build.nf", "s3://bucket/p2", "-params-file", "my params.json"],
        *(2, tmp_path / "p", s3, lines.append),
    )
    inner = project.bring(
        ["s3://bucket/p2/", "-main-script", "lib/other.nf", "-c", "no.config,s3"],
        *(0, tmp_path / "q", s3, lines.append),
    )

    root = str(tmp_path / "p")
    assert arguments == [
        *("-main-script", f"{root}/build.nf", root, "-params-file", f"{root}/my params.json"),
    ]
    assert inner[2:] == [f"{tmp_path}/q/lib/other.nf", "-c", "no.config,s3"]
    assert lines == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "no.nf",
            "-main-script no.nf is not allowed: the project s3://bucket/p has no such file",
        ),
        ("../x.nf", "-main-script ../x.nf is not allowed: it must be a path inside the project"),
        ("/x.nf", "-main-script /x.nf is not allowed: it must be a path inside the project"),
        (
            "s3://b/x.nf",
            "-main-script s3://b/x.nf is not allowed: it must be a path inside the project",
        ),
        *(
            (
                name,
                f"-main-script {name} is not allowed: the project s3://bucket/p has no such file",
            )
            for name in ("x" * 300, ".")
        ),
    ],
)
def test_a_script_that_the_project_does_not_hold_is_refused(
    s3: Any, tmp_path: Path, script: str, reason: str
) -> None:
    put(s3, "p/", FILES)

    with pytest.raises(InputError) as caught:
        project.bring(["s3://bucket/p", "-main-script", script], 0, tmp_path / "p", s3, print)

    assert caught.value.lines == (reason,)


def test_windows_line_ends_of_a_program_are_told(s3: Any, tmp_path: Path) -> None:
    put(s3, "p/", FILES | {"bin/a.py": b"#!/usr/bin/env python3\r\nprint()\r\n", "bin/b": b"x\r\n"})
    lines: list[str] = []

    project.bring(["s3://bucket/p"], 0, tmp_path / "p", s3, lines.append)

    assert lines == [
        "bin/a.py of s3://bucket/p has Windows line endings, so Linux cannot run it: save it"
        " with Unix line endings"
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("s3:/bucket/p", "S3://bucket/p", "s3://Bucket/p", "s3:bucket"),
        *("s3://bucket/a\0b", "s3://bucket/\udc80", "s3://bucket/\ud83d"),
    ],
)
def test_a_place_in_s3_of_another_form_is_refused(s3: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        project.bring([name], 0, tmp_path / "p", s3, print)

    (line,) = caught.value.lines
    assert line.startswith(f"the project {name!r} is not allowed: it must be s3://BUCKET/F")
