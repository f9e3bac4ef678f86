"""The local copy of a project in S3.

Nextflow runs projects from a Git repository or a local folder, not from S3.

Paths and modification times of a project's files enter the hashes of tasks, so each attempt gets
the same ones, or completed tasks would run again:
https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nf-commons/src/main/nextflow/util/HashBuilder.java
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from nextflow_head import archive, files, options
from nextflow_head.archive import ProjectError
from nextflow_head.aws import Client, aws_errors
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri

_ARCHIVES = ", ".join(archive.ENDINGS)
_SCRIPT = "-main-script"


def bring(
    arguments: Sequence[str], at: int, folder: Path, s3: Client, say: Callable[[str], None]
) -> list[str]:
    """The arguments, with a project in S3 replaced by a local copy, and what they name of it.

    Args:
        arguments: The arguments of `nextflow run`.
        at: Which of them is the project.
        folder: Where the copy goes.
        s3: The client.
        say: Prints a line for the user.

    Raises:
        InputError: The project does not exist, or cannot be read.
    """
    line = options.read(arguments)
    name = line.words[0].text
    if not S3Uri.is_meant(name):
        return list(arguments)
    try:
        source = S3Uri.parse(name)
    except ValueError:
        raise InputError(
            f"the project {name!r} is not allowed: it must be s3://BUCKET/FOLDER, or an archive"
            f" ({_ARCHIVES}) there"
        ) from None
    scripts = [option.value for option in line.find(_SCRIPT) if option.value]
    script = scripts[0].text if scripts else None
    root = stage(source, folder, s3, script)
    for program in sorted(root.glob("bin/*")):
        if program.is_file() and _ends_interpreter_like_windows(program):
            say(
                f"bin/{program.name} of {source} has Windows line endings, so Linux cannot run it:"
                " save it with Unix line endings"
            )
    local = files.inside(arguments, root)
    local[at] = str(root)
    if scripts and scripts[0].at is not None:
        # Nextflow looks for the script of a local folder in the folder where it was started.
        local[scripts[0].at] = str(root / scripts[0].text)
    return local


def stage(project: S3Uri, folder: Path, s3: Client, script: str | None = None) -> Path:
    """Copies a project from S3 into a new folder.

    Args:
        project: A folder in S3, or an archive of one.
        folder: The folder to make.
        s3: The client.
        script: The script to run, if it is another than the project's own.

    Returns:
        The folder that holds the project's script or `nextflow.config`.

    Raises:
        InputError: The project does not exist, or cannot be read.
    """
    folder.mkdir(parents=True)
    if script and (script.startswith("/") or ".." in script.split("/") or ":" in script):
        raise InputError(f"{_SCRIPT} {script} is not allowed: it must be a path inside the project")
    problem = f"the project {project} cannot be read"
    try:
        with aws_errors(problem, str(project)):
            if archive.is_archive(project.key):
                packed = folder.with_name(f"{folder.name}.archive")
                _download(s3, project, packed)
                archive.unpack(packed, folder)
                packed.unlink()
            else:
                _copy(s3, project, folder)
    except (ProjectError, OSError) as error:
        raise InputError(f"{problem}: {' '.join(str(error).split())}") from None
    root = _root(folder, project, script)
    # S3 and Windows keep no modes; files in bin/ are programs.
    for program in root.glob("bin/**/*"):
        if program.is_file():
            program.chmod(0o755)
    _date_folders(folder)
    return root


def _copy(s3: Client, project: S3Uri, folder: Path) -> None:
    prefix = f"{project.key}/" if project.key else ""
    for key in _listed(s3, project.bucket, prefix, archive.limit(folder)):
        path = _place(key, prefix)
        if archive.is_litter(path):
            continue
        try:
            _bring(s3, S3Uri(project.bucket, key), folder / path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise ProjectError(f"{str(path)!r} is both a file and a folder") from None
        except OSError as error:
            raise ProjectError(f"the key {key!r}: {error.strerror or error}") from None


def _listed(s3: Client, bucket: str, prefix: str, room: int) -> list[str]:
    keys: list[str] = []
    size = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            keys.append(item["Key"])
            size += item["Size"]
        if size > room:
            raise ProjectError(
                f"it is larger than {room // 2**20} MiB, half of the free space on the head's disk"
            )
    return keys


def _place(key: str, prefix: str) -> PurePosixPath:
    name = key.removeprefix(prefix)
    path = archive.place(name, f"the key {key!r}")
    # Such as a//b and a/./b, which would be the same file as a/b.
    if name and str(path) != name.removesuffix("/"):
        raise ProjectError(f"the key {key!r} has a part that cannot be the name of a folder")
    return path


def _bring(s3: Client, source: S3Uri, target: Path) -> None:
    if source.key.endswith("/"):
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _download(s3, source, target)


def _download(s3: Client, source: S3Uri, target: Path) -> None:
    answer = s3.get_object(Bucket=source.bucket, Key=source.key)
    room = archive.limit(target.parent)
    if answer["ContentLength"] > room:
        raise ProjectError(
            f"it is larger than {room // 2**20} MiB, half of the free space on the head's disk"
        )
    with target.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(2**20):
            file.write(chunk)
    changed = answer["LastModified"].timestamp()
    os.utime(target, (changed, changed))


def _date_folders(folder: Path) -> float:
    """Gives each folder the newest time of what is in it; S3 keeps none for folders."""
    changed = 0.0
    for path in folder.iterdir():
        inner = path.is_dir() and not path.is_symlink()
        changed = max(changed, _date_folders(path) if inner else path.lstat().st_mtime)
    os.utime(folder, (changed, changed))
    return changed


def _root(folder: Path, project: S3Uri, script: str | None) -> Path:
    root = folder
    names = [script] if script else ["main.nf", "nextflow.config"]
    # Unlike Path.is_file, this takes a name that no file can have for that of a missing file.
    while not any(os.path.isfile(root / name) for name in names):  # noqa: PTH113
        inside = list(root.iterdir())
        # Archives made by Git hosts and Finder hold one folder.
        if len(inside) != 1 or inside[0].is_symlink() or not inside[0].is_dir():
            raise _not_a_project(project, script)
        root = inside[0]
    return root


def _not_a_project(project: S3Uri, script: str | None) -> InputError:
    if script:
        return InputError(
            f"{_SCRIPT} {script} is not allowed: the project {project} has no such file"
        )
    advice = f"it must be a folder, or an archive ({_ARCHIVES}) of one, that contains main.nf or"
    hint = ""
    if project.key.endswith(".nf"):
        hint = f"; for a script, pass its folder, {project.parent}, and {_SCRIPT} {project.name}"
    elif re.search(r"\s-", project.key):
        hint = "; each option and value is a separate argument of the command"
    return InputError(f"{project} is not a Nextflow project: {advice} nextflow.config{hint}")


def _ends_interpreter_like_windows(program: Path) -> bool:
    with program.open("rb") as file:
        first = file.readline(1000)
    return first.startswith(b"#!") and first.endswith(b"\r\n")
