"""The rehearsal as a Nextflow distribution: what a build takes for the official one."""

import gzip
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

NAME: Final = "nextflow-rehearsal.tar.gz"
#: The container image that the published `hello` names.
HELLO_IMAGE: Final = "quay.io/nextflow/bash"
_REPLAY: Final = Path(__file__).with_name("replay")

_LAUNCHER = """#!/bin/sh
# A stand-in for Nextflow; its output says what is simulated.
self=$(readlink -f "$0")
home=${self%/bin/*}
exec python3 "$home/lib/rehearsal.pyz" "$home" "$@"
"""


def build(directory: Path, core: Path | None, task_image: str = HELLO_IMAGE) -> Path:
    """Writes the distribution.

    Args:
        directory: Where to write it; made if missing.
        core: Nextflow's core as `core.fetch` returns it; None replays the AWS calls alone.
        task_image: The container image of `hello`; another one where that cannot be pulled.

    Returns:
        A `.tar.gz` that holds `bin/nextflow` and, beside it, all that this needs but Python 3.11,
        boto3 and, with a core, Java 17.
    """
    directory.mkdir(parents=True, exist_ok=True)
    archive = directory / NAME
    with tempfile.TemporaryDirectory(prefix="distribution-", dir=directory) as temporary:
        home = unpacked(Path(temporary) / "nextflow", core, task_image)
        unfinished = Path(temporary) / NAME
        # No name and no time in the header: the same content gives the same bytes, so an image
        # that holds it is built once. The libraries are compressed already.
        with (
            unfinished.open("wb") as file,
            gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for path in sorted(home.rglob("*")):
                tar.add(path, path.relative_to(home), recursive=False, filter=_anonymous)
        unfinished.rename(archive)
    return archive


def unpacked(home: Path, core: Path | None, task_image: str = HELLO_IMAGE) -> Path:
    """Writes the distribution as a folder, for a head that runs as a local process.

    Args:
        home: The folder to fill.
        core: As for `build`.
        task_image: As for `build`.

    Returns:
        The folder; `bin/nextflow` is in it.
    """
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "lib").mkdir(exist_ok=True)
    launcher = home / "bin" / "nextflow"
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    (home / "no-plugins").write_text(
        "this is a simulation, which replays the AWS calls of nf-amazon\n"
    )
    entry = b"import sys\n\nfrom replay.main import main\n\nsys.exit(main())\n"
    with zipfile.ZipFile(home / "lib" / "rehearsal.pyz", "w", zipfile.ZIP_DEFLATED) as program:
        program.writestr(zipfile.ZipInfo("__main__.py"), entry)
        for source in sorted(_REPLAY.rglob("*")):
            if source.is_file() and source.suffix in {".py", ".nf"}:
                name = source.relative_to(_REPLAY.parent).as_posix()
                program.writestr(zipfile.ZipInfo(name), source.read_bytes())
        container = f"process.container = '{task_image}'\n"
        program.writestr(zipfile.ZipInfo("replay/hello/nextflow.config"), container)
    if core is not None and not (home / "core").exists():
        # A relative link would not survive; the folder is small enough to copy.
        for source in sorted(core.rglob("*")):
            if source.is_file():
                target = home / "core" / source.relative_to(core)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                target.chmod(source.stat().st_mode & 0o755)
    return home


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same archive whoever builds it: no owner, no time."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    return info
