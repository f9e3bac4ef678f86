"""Installs what this project needs beside itself: `.venv` with Python's packages, then the cdk CLI.

    python3 installation.py demo|everything|cdk

Needs Python's standard library only. What is there already is kept; what an interrupted try,
another Python or another folder left is made anew. A failure is one line, and exit status 2.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
NODE_MODULES = ROOT / "node_modules"
#: What an installation is named after, and its list of packages, each with its hashes; the last has
#: all of the others.
REQUIREMENTS = {"demo": "requirements-demo.txt", "everything": "requirements-dev.txt"}

#: Not the one of an active virtual environment, which may be the one that is made anew.
_PYTHON: str = getattr(sys, "_base_executable", sys.executable)
_STAMP = "installed.json"
_LOG = ROOT / "build" / "installation.log"
_INSTALLER = "requirements-installer.txt"
#: Editable installs have no hash, so they are a step of their own.
_CHECKOUT = ("--no-deps", "--no-build-isolation", "--editable", ".", "--editable", "./cli")
_FULL_DISK = f"the disk is full: {ROOT} needs 1.1 GB, and the caches of pip, uv and npm 0.4 GB"


class InstallationError(Exception):
    """It cannot be installed; the message says why, and what to do, in one line."""


def main(arguments: list[str]) -> int:
    """Install what is asked for; returns the exit status."""
    try:
        _LOG.parent.mkdir(exist_ok=True)
        with (_LOG.parent / "installation.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for what in arguments:
                if what == "cdk":
                    install_cdk()
                else:
                    install_packages(what)
    except KeyboardInterrupt:
        print("\nStopped. The next run repeats only what is missing.", file=sys.stderr)
        return 130
    except (InstallationError, OSError) as error:
        print(f"The set-up failed: {_sentence(error)}", file=sys.stderr)
        return 2
    return 0


def _sentence(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return _FULL_DISK if full else str(error)


def install_packages(what: str) -> None:
    """Install Python's packages into `.venv`.

    Args:
        what: Which of `REQUIREMENTS`.

    Raises:
        InstallationError: They cannot be installed.
    """
    if is_installed(what):
        return
    stamp = VENV / _STAMP
    there, place, content = _read(stamp), _place(), _content()
    if there.get("what") == "everything":
        what = "everything"
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian's python3 has it in a package of its own
    except ImportError:
        raise InstallationError(
            "Python's venv module is incomplete: install it (Debian: apt-get install python3-venv)"
        ) from None
    with tempfile.TemporaryDirectory(prefix="installer-", dir=_LOG.parent) as temporary:
        installer = Path(temporary) / "bin"
        with _step("Downloading the installer"):
            _run(_PYTHON, "-m", "venv", temporary)
            pip = (str(installer / "python"), "-m", "pip", "--disable-pip-version-check")
            _run(*pip, "install", "--quiet", "--require-hashes", "--requirement", _INSTALLER)
        # Interrupted, it is not what the stamp says any more.
        stamp.unlink(missing_ok=True)
        uv = str(installer / "uv")
        with _step("Installing Python packages"):
            if not there.items() >= place.items():
                if VENV.exists():
                    print("  .venv is incomplete, moved, or of another Python: creating it again")
                    shutil.rmtree(VENV)
                seeded = ("--seed", "--relocatable", "--python", _PYTHON)
                _run(uv, "venv", "--quiet", *seeded, *_settings(pip), str(VENV))
            python = ("--python", str(VENV / "bin" / "python"))
            install = (uv, "pip", "install", "--quiet", *python, *_settings(pip))
            _run(*install, "--require-hashes", "--requirement", REQUIREMENTS[what])
            if what == "everything":
                _run(*install, *_CHECKOUT)
    stamp.write_text(json.dumps({**place, "what": what, "content": content}))


def is_installed(what: str) -> bool:
    """Return whether `.venv` is of this Python and folder, and has all of these packages."""
    there = _read(VENV / _STAMP)
    is_sound = there.get("content") == _content() and there.items() >= _place().items()
    return is_sound and there["what"] in (what, "everything")


def install_cdk() -> None:
    """Install the cdk command line into `node_modules`, by the npm of `.venv`.

    Raises:
        InstallationError: It cannot be installed.
    """
    wanted = {"content": _digest(ROOT / "package-lock.json")}
    stamp = NODE_MODULES / _STAMP
    if _read(stamp) == wanted:
        return
    with _step("Installing the cdk CLI"):
        path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
        _run("npm", "ci", "--prefer-offline", path=path)
    stamp.write_text(json.dumps(wanted))


def _place() -> dict[str, str]:
    return {"python": sys.version, "folder": str(VENV)}


def _content() -> str:
    files = (*REQUIREMENTS.values(), "pyproject.toml")
    return _digest(*(ROOT / name for name in files))


def _settings(pip: tuple[str, ...]) -> list[str]:
    """What uv has to know of pip's settings, such as a company's index: it does not read them."""
    done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"")
    options = {"index-url": "--default-index", "trusted-host": "--allow-insecure-host"}
    several = {"extra-index-url": "--index", "find-links": "--find-links"}
    settings = [f"{options[name]}={found[name]}" for name in options if name in found]
    for name, option in several.items():
        values = found.get(name, "").split()
        settings += [
            f"{option}={value}" for value in values if "://" in value or Path(value).is_dir()
        ]
    return settings


class _step:  # noqa: N801 - used as a function
    """Prints what is going on, and how long it took."""

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        self._started = time.monotonic()
        print(f"… {self._title}", flush=True)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            print(f"✓ {self._title} {time.monotonic() - self._started:.0f} s", flush=True)


def _run(*command: str, path: str | None = None) -> None:
    """Run a command; what it prints goes into the log.

    Raises:
        InstallationError: It failed.
    """
    environment = {**os.environ, "PATH": path or os.environ.get("PATH", os.defpath)}
    # As pip does: what this machine trusts, such as a proxy's certificate.
    environment.setdefault("UV_SYSTEM_CERTS", "true")
    # The cache may be on another file system; then files are copied, and that is no news.
    environment.setdefault("UV_LINK_MODE", "hardlink")
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise InstallationError(f"{command[0]} is missing: delete .venv and try again")
    with _LOG.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [program, *command[1:]], cwd=ROOT, env=environment, stdout=log, stderr=log, check=False
        )
    if done.returncode != 0:
        name = "pip" if "pip" in command[:3] else Path(command[0]).name
        raise InstallationError(_reason(name, done.returncode))


def _reason(command: str, status: int) -> str:
    output = _LOG.read_text(encoding="utf-8", errors="replace")
    # On a full disk there is no room for the log either.
    if any(word in output for word in _FULL) or shutil.disk_usage(ROOT).free < _LEAST_BYTES:
        return _FULL_DISK
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    unreachable = [line for line in lines if any(word in line for word in _UNREACHABLE)]
    if unreachable:
        return (
            f"a package registry does not respond ({command}: {unreachable[-1][:300]}): check the"
            " network and the proxy variables, then try again"
        )
    last = (lines or [f"exit status {status}"])[-1]
    return f"{command} failed: {last[:300]} (full output: {_LOG.relative_to(ROOT)})"


_LEAST_BYTES = 1024 * 1024
_FULL = ("No space left", "ENOSPC", "Disk quota exceeded")
#: What pip, uv and npm write when they reach nobody.
_UNREACHABLE = (
    "connection broken",
    "client error (Connect)",
    "dns error",
    "tunnel error",
    "operation timed out",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(stamp: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
