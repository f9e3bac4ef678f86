"""Base images for the local AWS: pulled where a registry answers, made here where none does."""

import hashlib
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from local_aws import certificates
from local_aws.errors import LocalAwsError
from local_aws.rehearsal.distribution import HELLO_IMAGE

#: What the head's Dockerfile starts from unless it is told otherwise; that may add a digest.
PRODUCTION_BASE: Final = "public.ecr.aws/docker/library/debian:trixie-slim"
BASE: Final = "nextflow-batch/base:local"
TASK: Final = "nextflow-batch/task:local"
DISTRIBUTION: Final = "nextflow-batch/distribution"

_ROOT: Final = "nextflow-batch/debian:local"
_LABEL: Final = "nextflow-batch.content"
_ANSWER_SECONDS: Final = 10
_PULL_SECONDS: Final = 300
#: What Debian's published `slim` images do without, in themselves and in packages added later.
#: https://github.com/debuerreotype/debuerreotype/blob/master/scripts/.slimify-excludes
_SLIM: Final = tuple(f"/usr/share/{name}/*" for name in ("doc", "info", "locale", "man"))
_ARCHIVE: Final = "/opt/nextflow-distribution.tar.gz"

Progress = Callable[[str], None]


class ImagesUnavailable(LocalAwsError):  # noqa: N818 - a state of the machine, not a fault
    """An image can neither be pulled nor made here; the message says why, in a sentence."""


@dataclass(frozen=True)
class Images:
    """Images that the engine now has.

    Attributes:
        base: What the head image starts from.
        task: What the tasks of `hello` run in.
        pulled: Whether the base is the published one; otherwise it was made here.
    """

    base: str
    task: str
    pulled: bool = False


def ensure(progress: Progress = lambda _: None) -> Images:
    """Sees to it that the engine has a base for the head and an image for the tasks of `hello`.

    The published ones where they can be pulled. Otherwise Debian trixie by debootstrap, known to
    later calls by a label. Both get the certificates that only this machine knows.

    Args:
        progress: Told, in a few words, what is going on.

    Raises:
        ImagesUnavailable: No Docker, or neither a registry nor a way to make a base.
    """
    if shutil.which("docker") is None:
        raise ImagesUnavailable(
            "A Docker engine responds, but the `docker` command is missing: install Docker's CLI."
        )
    extra = certificates.extra()
    made_here = _fingerprint(_dockerfile_base(_ROOT), *extra)
    pulled = _has(PRODUCTION_BASE)
    if not pulled and _label(BASE) != made_here:
        progress("pulling Debian's published image")
        pulled = _pull(PRODUCTION_BASE)
    root = PRODUCTION_BASE if pulled else _ROOT
    base_content = _fingerprint(_dockerfile_base(root), *extra)
    task_content = _fingerprint(_dockerfile_task(BASE), base_content)
    if _label(BASE) != base_content:
        if not pulled:
            _debootstrap(progress)
        progress("preparing the head's base image")
        names = {f"extra/{n}.crt": pem.encode() for n, pem in enumerate(extra)}
        # Docker refuses to copy a folder that is not there.
        _build(BASE, _dockerfile_base(root), base_content, {"extra/.keep": b"", **names})
    if pulled and (_has(HELLO_IMAGE) or _pull(HELLO_IMAGE)):
        return Images(base=BASE, task=HELLO_IMAGE, pulled=True)
    if _label(TASK) != task_content:
        progress("preparing the tasks' image")
        _build(TASK, _dockerfile_task(BASE), task_content, {})
    return Images(base=BASE, task=TASK, pulled=pulled)


def with_distribution(base: str, archive: Path) -> dict[str, str]:
    """Makes an image with a Nextflow distribution, for a head image that is built without internet.

    Args:
        base: The base image's name.
        archive: A `.tar.gz` with `bin/nextflow`.

    Returns:
        The build arguments of the head's Dockerfile: base, distribution, its place and checksum.

    Raises:
        ImagesUnavailable: The engine cannot build it.
    """
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    content = _fingerprint(base, _image_id(base), digest)
    # Another checkout's local AWS, beside this one, may have another.
    image = f"{DISTRIBUTION}:{content}"
    if not _has(image):
        dockerfile = f"FROM {base}\nCOPY distribution.tar.gz {_ARCHIVE}\n"
        _build(image, dockerfile, content, {"distribution.tar.gz": archive.read_bytes()})
    return {
        "BASE_IMAGE": base,
        "FETCH_IMAGE": image,
        "NEXTFLOW_DISTRIBUTION": f"file://{_ARCHIVE}",
        "NEXTFLOW_SHA256": digest,
    }


def _dockerfile_base(root: str) -> str:
    """Debian with the certificates of this machine; `slim` images have no tool for them yet."""
    return (
        f"FROM {root}\n"
        "RUN command -v update-ca-certificates >/dev/null || { apt-get update"
        " && apt-get install -y --no-install-recommends ca-certificates"
        " && rm -rf /var/lib/apt/lists/*; }\n"
        "COPY extra/ /usr/local/share/ca-certificates/\n"
        "RUN update-ca-certificates\n"
    )


def _dockerfile_task(base: str) -> str:
    """What Nextflow asks of a task's image beyond a shell: `ps`."""
    return (
        f"FROM {base}\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends procps"
        " && rm -rf /var/lib/apt/lists/*\n"
    )


def _debootstrap(progress: Progress) -> None:
    """Makes Debian trixie from its packages, as an image."""
    if _has(_ROOT):
        return
    without = "Debian's published image cannot be pulled, and building one here needs"
    if shutil.which("debootstrap") is None:
        raise ImagesUnavailable(f"{without} `debootstrap`: install it, or reach a registry.")
    if os.geteuid() != 0:
        raise ImagesUnavailable(f"{without} root: run this as root, or reach a registry.")
    progress("building Debian trixie with debootstrap, about half a minute")
    with tempfile.TemporaryDirectory(prefix="debian-") as temporary:
        root = Path(temporary) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie"]
        try:
            result = subprocess.run(
                [*command, str(root)], capture_output=True, text=True, check=False
            )
        finally:
            _unmount_below(root)
        if result.returncode != 0:
            errors = [
                row for row in (result.stdout + result.stderr).splitlines() if row.startswith("E:")
            ]
            raise ImagesUnavailable(f"debootstrap failed: {' '.join(errors) or 'no output'}")
        progress("importing Debian trixie")
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(
            "".join(f"path-exclude {path}\n" for path in _SLIM)
        )
        unwanted = ("/var/cache/apt/*", "/var/lib/apt/lists/*", "/proc/*", "/sys/*", *_SLIM)
        tar = ["tar", "-C", str(root), "-c", *(f"--exclude=.{path}" for path in unwanted), "."]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as packing:
            imported = _docker("import", "-", _ROOT, stdin=packing.stdout)
        if packing.returncode != 0 or imported.returncode != 0:
            raise ImagesUnavailable(f"Docker cannot import Debian: {_last_line(imported)}")


def _unmount_below(root: Path) -> None:
    """Undoes the mounts that an interrupted debootstrap leaves, before the folder is removed."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    points = [row.split()[1] for row in mounts]
    for point in reversed([p for p in points if p.startswith(f"{root}/")]):
        subprocess.run(["umount", point], check=False)


def _pull(image: str) -> bool:
    """Pulls an image if a registry answers soon; the first line of output is the answer."""
    with subprocess.Popen(
        ["docker", "pull", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as pulling:
        assert pulling.stdout is not None  # noqa: S101 - asked for with PIPE
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_hand_over, args=(pulling.stdout, lines), daemon=True)
        reader.start()
        try:
            if lines.get(timeout=_ANSWER_SECONDS):
                return pulling.wait(timeout=_PULL_SECONDS) == 0
        except (queue.Empty, subprocess.TimeoutExpired):
            pass
        pulling.kill()
        return False


def _hand_over(stream: IO[str], lines: "queue.Queue[str]") -> None:
    """Reads a stream to its end; an empty line stands for the end."""
    for line in stream:
        lines.put(line)
    lines.put("")


def _build(tag: str, dockerfile: str, content: str, files: dict[str, bytes]) -> None:
    """Builds an image from a few files.

    Args:
        tag: Its name.
        dockerfile: The Dockerfile's text.
        content: The fingerprint that later calls know it by.
        files: The build context: path to content.
    """
    with tempfile.TemporaryDirectory(prefix="image-") as context:
        for name, body in {"Dockerfile": dockerfile.encode(), **files}.items():
            path = Path(context) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        result = _docker("build", "--label", f"{_LABEL}={content}", "--tag", tag, context)
    if result.returncode != 0:
        raise ImagesUnavailable(f"Docker cannot build {tag}: {_last_line(result)}")


def _has(image: str) -> bool:
    """Whether the engine has an image."""
    return bool(_image_id(image))


def _image_id(image: str) -> str:
    """An image's id; empty if the engine does not have it."""
    return _docker("image", "inspect", "--format", "{{.Id}}", image).stdout.strip()


def _label(image: str) -> str:
    """The fingerprint on an image; empty without one."""
    template = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    return _docker("image", "inspect", "--format", template, image).stdout.strip()


def _docker(*arguments: str, stdin: IO[bytes] | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs the docker command line, quietly."""
    return subprocess.run(
        ["docker", *arguments], stdin=stdin, capture_output=True, text=True, check=False
    )


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    """The last line that a command said."""
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[-1] if lines else "no output"


def _fingerprint(*parts: str) -> str:
    """A digest of what an image is made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
