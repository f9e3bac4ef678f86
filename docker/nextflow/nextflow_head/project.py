"""The pipeline's project, brought here where Nextflow cannot fetch it by itself.

Nextflow runs projects from a Git repository or a local folder, not from S3.

Paths and modification times of a project's files enter the hashes of tasks, so each attempt gets
the same ones, or tasks that are done would run again:
https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nf-commons/src/main/nextflow/util/HashBuilder.java
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from nextflow_head.aws import Client, refusing
from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

_ARCHIVES = (".zip", ".tar.gz", ".tgz")


def stage(project: Location, folder: Path, s3: Client) -> Path:
    """Copies a project from S3 into a new folder.

    Args:
        project: A folder in S3, or an archive (.zip, .tar.gz, .tgz) of one.
        folder: The folder to make.
        s3: The client.

    Returns:
        The folder that holds the project's `main.nf` or `nextflow.config`.

    Raises:
        Refusal: There is no such project, or it must not be read.
    """
    folder.mkdir(parents=True)
    what = f"the project {project} cannot be read"
    try:
        with refusing(what, str(project)):
            if project.key.endswith(_ARCHIVES):
                archive = folder.with_name(PurePosixPath(project.key).name)
                _download(s3, project, archive)
                _unpack(archive, folder)
            else:
                _copy(s3, project, folder)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        raise Refusal(f"{what}: {' '.join(str(error).split())}") from None
    root = _root(folder, project)
    # S3 and Windows keep no modes; what is in bin/ is there to be executed.
    for program in (root / "bin").rglob("*"):
        program.chmod(0o755)
    _date_folders(folder)
    return root


def _copy(s3: Client, project: Location, folder: Path) -> None:
    prefix = f"{project.key}/" if project.key else ""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=project.bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            name = PurePosixPath(item["Key"].removeprefix(prefix))
            if item["Key"].endswith("/"):
                continue
            if name.is_absolute() or ".." in name.parts:
                raise OSError(f"the key {item['Key']!r} leads out of its folder")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _download(s3, Location(project.bucket, item["Key"]), target)


def _download(s3: Client, source: Location, target: Path) -> None:
    answer = s3.get_object(Bucket=source.bucket, Key=source.key)
    with target.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(2**20):
            file.write(chunk)
    changed = answer["LastModified"].timestamp()
    os.utime(target, (changed, changed))


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                path = Path(content.extract(member, folder))
                changed = _changed(member)
                os.utime(path, (changed, changed))
                # The upper half holds the Unix mode, which extract() does not restore.
                mode = (member.external_attr >> 16) & 0o777
                if mode and not member.is_dir():
                    path.chmod(mode | 0o600)
    else:
        with tarfile.open(archive, "r:gz") as content:
            content.extractall(folder, filter="data")


def _changed(member: zipfile.ZipInfo) -> float:
    try:
        # Without a zone; which one is assumed does not matter, as long as it is always the same.
        return datetime(*member.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0


def _date_folders(folder: Path) -> float:
    """Gives each folder the newest time of what is in it; S3 keeps none for folders."""
    changed = 0.0
    for path in folder.iterdir():
        inner = path.is_dir() and not path.is_symlink()
        changed = max(changed, _date_folders(path) if inner else path.lstat().st_mtime)
    os.utime(folder, (changed, changed))
    return changed


def _root(folder: Path, project: Location) -> Path:
    inside = list(folder.iterdir())
    # Archives made by Git hosts hold one folder named after the revision.
    root = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    if not any((root / name).is_file() for name in ("main.nf", "nextflow.config")):
        raise Refusal(
            f"the project {project} is none: it must be a folder, or a {', '.join(_ARCHIVES)} of"
            " one, that holds main.nf or nextflow.config"
        )
    return root
