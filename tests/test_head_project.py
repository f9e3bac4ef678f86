"""Projects that lie in S3."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nextflow_head import project
from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

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

    root = project.stage(Location("bucket", "projects/mine"), tmp_path / "p", s3)

    assert content(root) == FILES
    assert (root / "bin/tool.sh").stat().st_mode & 0o111
    assert not (root / "main.nf").stat().st_mode & 0o111


@pytest.fixture(params=["Python 3.11.4", "Python 3.11.2"])
def _python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 12's Python has no filters for what is extracted."""
    if request.param == "Python 3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("_python")
@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tgz"])
@pytest.mark.parametrize("prefix", ["", "repo-1.0/"])
def test_unpacks_an_archive_with_or_without_a_folder_around_it(
    s3: Any, tmp_path: Path, suffix: str, prefix: str
) -> None:
    put(s3, "a/", {f"p{suffix}": archive(suffix, prefix)})

    root = project.stage(Location("bucket", f"a/p{suffix}"), tmp_path / "p", s3)

    assert content(root) == FILES
    assert (root / "bin/tool.sh").stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (
            Location("bucket", "nothing"),
            "the project s3://bucket/nothing is none: it must be a folder, or a .zip, .tar.gz, .tgz"
            " of one, that holds main.nf or nextflow.config",
        ),
        (
            Location("bucket", "missing.zip"),
            "the project s3://bucket/missing.zip cannot be read: GetObject answered NoSuchKey:"
            " The specified key does not exist.",
        ),
        (
            Location("absent", "p"),
            "the project s3://absent/p cannot be read: ListObjectsV2 answered NoSuchBucket:"
            " The specified bucket does not exist",
        ),
        (
            Location("bucket", "broken.zip"),
            "the project s3://bucket/broken.zip cannot be read: File is not a zip file",
        ),
        (
            Location("bucket", "broken.tar.gz"),
            "the project s3://bucket/broken.tar.gz cannot be read: not a gzip file",
        ),
        (
            Location("bucket", "escape"),
            "the project s3://bucket/escape cannot be read: the key 'escape/../../x' leads out of"
            " its folder",
        ),
    ],
)
def test_says_in_one_line_why_a_project_cannot_be_had(
    s3: Any, tmp_path: Path, location: Location, reason: str
) -> None:
    put(s3, "", {"broken.zip": b"?", "broken.tar.gz": b"??", "escape/../../x": b"?"})

    with pytest.raises(Refusal) as caught:
        project.stage(location, tmp_path / "p", s3)

    assert caught.value.lines == (reason,)


@pytest.mark.usefixtures("_python")
def test_an_archive_cannot_write_outside_of_its_folder(s3: Any, tmp_path: Path) -> None:
    put(s3, "", {"evil.tar.gz": archive(".tar.gz", "../"), "evil.zip": archive(".zip", "../")})

    with pytest.raises(Refusal, match=r"evil\.tar\.gz cannot be read: .* outside the destination"):
        project.stage(Location("bucket", "evil.tar.gz"), tmp_path / "a" / "p", s3)
    project.stage(Location("bucket", "evil.zip"), tmp_path / "b" / "p", s3)

    assert not list(tmp_path.glob("*/main.nf"))
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"p", "evil.zip"}
