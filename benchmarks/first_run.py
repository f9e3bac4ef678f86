"""How long a newcomer waits: from a bare clone to `hello: SUCCEEDED`, and what it takes on disk.

What was downloaded before is in the caches of pip, uv, npm and Go; nothing is compiled yet.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure, write

_TARGET_SECONDS = 120
_TARGET_MB = 1_100
_FOLDERS = (".venv", "node_modules", "build")
#: What `make demo` prints of a step that has ended.
_STEP = re.compile(r"✓ (.+?) (\d+) s\b")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Run the demo in a clone of this checkout, without Docker; returns the exit status."""
    project = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory(prefix="first-run-") as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
        started = time.monotonic()
        process = subprocess.Popen(
            ["make", "demo"],
            cwd=clone,
            env=_environment(Path(temporary)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        steps: dict[str, int] = {}
        lines = []
        with process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                plain = _ESCAPES.sub("", line).rstrip()
                lines.append(plain)
                if found := _STEP.match(plain):
                    steps[found[1]] = int(found[2])
        seconds = time.monotonic() - started
        if process.returncode != 0 or "hello: SUCCEEDED" not in lines:
            print("\n".join(lines), file=sys.stderr)
            return 1
        sizes = {name: _megabytes(clone / name) for name in _FOLDERS}
        cache = _megabytes(Path(temporary) / "compiled")
    _report(seconds, steps, sizes, cache)
    return 0


def _environment(temporary: Path) -> dict[str, str]:
    """As after a login, without what this project's own `make` exports."""
    left_out = {"VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    folders = os.environ["PATH"].split(os.pathsep)
    path = [folder for folder in folders if not folder.endswith(("/.venv/bin", "/.bin"))]
    return {
        **kept,
        "PATH": os.pathsep.join(path),
        "GOCACHE": str(temporary / "compiled"),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(temporary / "compiled" / "jsii"),
        "DOCKER_HOST": "unix:///nonexistent",
    }


def _megabytes(folder: Path) -> int:
    """What `du` counts; a file with several names is one file."""
    done = subprocess.run(
        [shutil.which("du") or "du", "-sk", str(folder)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[0]) // 1024


def _report(seconds: float, steps: dict[str, int], sizes: dict[str, int], cache: int) -> None:
    whole = sum(sizes.values())
    write(
        "first-run",
        [
            Figure(
                metric="from a bare clone to `hello: SUCCEEDED`",
                value=round(seconds),
                unit="s",
                target=f"at most {_TARGET_SECONDS}",
                ok=seconds <= _TARGET_SECONDS,
            ),
            *(
                Figure(metric=f"of it, some at once: {title}", value=taken, unit="s")
                for title, taken in steps.items()
            ),
            Figure(
                metric="the folder on the disk",
                value=whole,
                unit="MB",
                target=f"at most {_TARGET_MB}",
                ok=whole <= _TARGET_MB,
            ),
            *(
                Figure(metric=f"of it: {name}", value=size, unit="MB")
                for name, size in sizes.items()
            ),
            Figure(metric="caches of Go's compiler and jsii besides", value=cache, unit="MB"),
        ],
    )


if __name__ == "__main__":
    raise SystemExit(main())
