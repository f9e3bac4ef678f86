"""The pipeline's project, brought here where Nextflow cannot fetch it by itself.

Nextflow runs projects from a Git repository or a local folder, not from S3.
"""

from __future__ import annotations

import tarfile
import zipfile
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
    return _root(folder, project)


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
            # S3 keeps no modes; what is in bin/ is there to be executed.
            if name.parts[0] == "bin":
                target.chmod(0o755)


def _download(s3: Client, source: Location, target: Path) -> None:
    body = s3.get_object(Bucket=source.bucket, Key=source.key)["Body"]
    with target.open("wb") as file:
        for chunk in body.iter_chunks(2**20):
            file.write(chunk)


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                path = Path(content.extract(member, folder))
                # The upper half holds the Unix mode, which extract() does not restore.
                mode = (member.external_attr >> 16) & 0o777
                if mode and not member.is_dir():
                    path.chmod(mode | 0o600)
    else:
        with tarfile.open(archive, "r:gz") as content:
            _extract(content, folder)


def _extract(content: tarfile.TarFile, folder: Path) -> None:
    """Extract what lies in the folder, and no links or devices that lead out of it."""
    if hasattr(tarfile, "data_filter"):
        content.extractall(folder, filter="data")
        return
    # Python 3.11 before 3.11.4, such as Debian 12's, on which the local AWS may run the head.
    for member in content:
        target = (folder / member.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise OSError(f"{member.name!r} would be extracted outside the destination")
        if not (member.isfile() or member.isdir()):
            raise OSError(f"{member.name!r} is a link or a device, which needs Python 3.11.4")
        content.extract(member, folder)


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
