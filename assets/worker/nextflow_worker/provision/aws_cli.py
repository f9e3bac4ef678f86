"""AWS's own bundle of the AWS CLI, for deployments that choose it over our client."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: Nextflow mounts the folder above `bin` read-only at the same path into each task's container
#: (`aws.batch.cliPath`), so nothing else may be in it.
#: https://docs.seqera.io/nextflow/aws#aws-cli
HOME = "/opt/aws-cli"
LOCK = Path(__file__).resolve().parents[2] / "aws-cli.lock"

#: The bundle brings libraries, such as libz, that minimal images lack. They must be found by the
#: CLI alone, hence the `exec`: nothing that the task runs inherits the path.
#: https://github.com/aws-samples/aws-genomics-workflows/issues/185
SHIM = """#!/bin/sh
export LD_LIBRARY_PATH="{dist}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
exec "{dist}/aws" "$@"
"""


def install(host: Host, deadline: Deadline, *, lock_file: Path = LOCK) -> None:
    """Fetch, check and unpack the locked version, and run it once.

    Args:
        host: Where.
        deadline: When to give up.
        lock_file: JSON of `version`, `url` and, by machine, `sha256`.

    Raises:
        WorkerError: It cannot be fetched, is not what was locked, or does not run.
    """
    lock = json.loads(lock_file.read_text(encoding="utf-8"))
    version, machine = lock["version"], platform.machine()
    dist = f"{HOME}/v2/{version}/dist"
    if not host.path(dist).exists():
        url = lock["url"].format(version=version, machine=machine)
        # Not in /tmp, which is memory on Amazon Linux 2023.
        archive = host.path("/opt/nextflow-batch/aws-cli.zip")
        archive.parent.mkdir(parents=True, exist_ok=True)
        retry(host, deadline, lambda: _fetch(host, url, archive, deadline))
        _check(archive, url, lock["sha256"].get(machine))
        _unpack(archive, host.path(dist))
        archive.unlink()
    host.write(f"{HOME}/bin/aws", SHIM.format(dist=dist))
    host.path(f"{HOME}/bin/aws").chmod(0o755)
    version_line = host.run(str(host.path(f"{HOME}/bin/aws")), "--version", deadline=deadline)
    if not version_line.startswith(f"aws-cli/{version} "):
        message = f"{HOME}/bin/aws says {version_line!r}, not aws-cli/{version}"
        raise WorkerError(message)


def _fetch(host: Host, url: str, archive: Path, deadline: Deadline) -> None:
    host.run(
        *("curl", "--fail", "--silent", "--show-error", "--connect-timeout", "10"),
        *("--max-time", "120", "--output", str(archive), url),
        deadline=deadline,
    )


def _check(archive: Path, url: str, expected: str | None) -> None:
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if expected is not None and digest.hexdigest() != expected:
        message = f"{url} has SHA-256 {digest.hexdigest()}, expected {expected}"
        raise WorkerError(message)


def _unpack(archive: Path, dist: Path) -> None:
    part = dist.with_name("dist.part")
    shutil.rmtree(part, ignore_errors=True)
    prefix = "aws/dist/"
    try:
        with zipfile.ZipFile(archive) as bundle:
            for member in bundle.infolist():
                if member.filename.startswith(prefix) and not member.is_dir():
                    _extract(bundle, member, part / member.filename[len(prefix) :])
        part.replace(dist)
    except (OSError, zipfile.BadZipFile) as error:
        message = f"the AWS CLI's archive cannot be unpacked: {error}"
        raise WorkerError(message) from error


def _extract(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    # zipfile drops permissions and symbolic links.
    mode = member.external_attr >> 16
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        target.symlink_to(bundle.read(member).decode())
        return
    with bundle.open(member) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(stat.S_IMODE(mode) or 0o644)
