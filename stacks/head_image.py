"""What the head's image is built from, as far as its Dockerfile does not pin it.

    python -m stacks.head_image

Offers to lock it, as `make deploy` does first. Without a terminal, and by default, nothing changes.
"""

from __future__ import annotations

import re
import subprocess
import sys

from stacks import paths

_DOCKERFILE = paths.HEAD_IMAGE / "Dockerfile"
_ARGUMENT = re.compile(r'^ARG (\w+)="?([^"\n]*)"?$', re.M)


def warning(dockerfile: str) -> str | None:
    """A sentence about what a rebuild of the image could silently replace.

    Args:
        dockerfile: Text of the head's Dockerfile.

    Returns:
        None if the base and each download are pinned by checksum.
    """
    arguments = dict(_ARGUMENT.findall(dockerfile.partition("\nFROM ")[0]))
    plugins = [plugin for plugin in arguments["NEXTFLOW_PLUGINS"].split() if "=" not in plugin]
    missing = [
        *(["its base image"] if "@sha256:" not in arguments["BASE_IMAGE"] else []),
        *(["Nextflow"] if not arguments["NEXTFLOW_SHA256"] else []),
        *(plugin.partition("@")[0] for plugin in plugins),
    ]
    if not missing:
        return None
    return (
        "the head image is not locked: docker/nextflow/Dockerfile has no checksum of"
        f" {', '.join(missing)}; run `make lock-image` and commit the change"
    )


def current_warning() -> str | None:
    """The same for the Dockerfile of this checkout."""
    return warning(_DOCKERFILE.read_text(encoding="utf-8"))


def main() -> int:
    """Offer to lock the image; returns the exit status."""
    if current_warning() is None:
        return 0
    if not sys.stdin.isatty():
        print("The head image is not locked; to pin it by checksum: make lock-image")
        return 0
    try:
        answer = input("The head image is not locked. Run `make lock-image` first? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        return 0
    return subprocess.run(["make", "lock-image"], cwd=paths.ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
