"""The pipeline's project, brought here where Nextflow cannot fetch it by itself.

Nextflow runs projects from a Git repository or a local folder, not from S3.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from nextflow_head.location import Client, Location
from nextflow_head.refusal import Refusal

_ARCHIVES = (".zip", ".tar.gz", ".tgz")

# Options of `nextflow run` that take no value, so that what follows one may be the project:
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
_FLAGS = frozenset(
    [
        "-E",
        "-ansi",
        "-bg",
        "-disable-jobs-cancellation",
        "-h",
        "-help",
        "-latest",
        "-offline",
        "-preview",
        "-resume",
        "-stdin",
        "-stub",
        "-stub-run",
        "-with-mpi",
        "-without-conda",
        "-without-docker",
        "-without-podman",
        "-without-spack",
    ]
)


def position(arguments: Sequence[str]) -> int | None:
    """Which of the arguments of `nextflow run` names the project, or None."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if not argument.startswith("-") or argument == "-":
            return index
        following = arguments[index + 1 : index + 2]
        takes_value = argument not in _FLAGS and "=" not in argument
        has_value = bool(following) and not following[0].startswith("-")
        index += 2 if takes_value and has_value else 1
    return None


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
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see location.client

    folder.mkdir(parents=True)
    try:
        if project.key.endswith(_ARCHIVES):
            archive = folder.with_name(PurePosixPath(project.key).name)
            _download(s3, project, archive)
            _unpack(archive, folder)
        else:
            _copy(s3, project, folder)
    except ClientError as error:
        answer = error.response["Error"]
        reason = f"{error.operation_name} answered {answer['Code']}: {answer['Message']}"
    except (BotoCoreError, zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())
    else:
        return _root(folder, project)
    raise Refusal(f"the project {project} cannot be read: {reason}")


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
            content.extractall(folder, filter="data")


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
