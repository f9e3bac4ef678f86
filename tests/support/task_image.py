"""A small image for job containers, made of this machine's own programs: no registry needed."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from docker.errors import ImageNotFound

import docker
from local_aws.network import engine_answers

NAME = "nextflow-batch/tests:local"
_PROGRAMS = ("bash", "cat", "df", "env", "id", "ls", "sh", "sleep", "sort", "tail", "touch", "true")
_ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def engine() -> Any:
    """Connect to the Docker engine.

    Returns:
        The client, or None where no engine answers.

    """
    return docker.from_env(timeout=30) if engine_answers() else None


def task_image(client: Any) -> str:
    """Give the image's name, and import it where the engine does not have it.

    Args:
        client: The Docker client.

    Returns:
        The name.

    """
    try:
        client.images.get(NAME)
    except ImageNotFound:
        client.api.import_image_from_data(
            _archive(), repository=NAME.partition(":")[0], tag="local"
        )
    return NAME


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        programs = {name: Path(shutil.which(name) or "") for name in _PROGRAMS}
        for name, path in programs.items():
            archive.add(path, f"bin/{name}")
        for library in set().union(*map(_libraries, programs.values())):
            archive.add(library, str(library).lstrip("/"))
        for name, text in _ETC.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        for name in ("tmp", "dev", "proc", "sys", "root"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
    return buffer.getvalue()


def _libraries(program: Path) -> set[Path]:
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    words = {word for line in listing.splitlines() for word in line.split()}
    return {Path(word) for word in words if word.startswith("/")}
