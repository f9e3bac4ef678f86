"""The set-up: what is there is kept, what is stale is made anew, and each failure is one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import installation
from stacks import paths

FILES = ("requirements-demo.txt", "requirements-dev.txt", "requirements-installer.txt")


class Project:
    """A project with nothing in it but what the set-up reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*FILES, "pyproject.toml", "package-lock.json"):
            shutil.copy(paths.ROOT / name, folder / name)
        self.program = shutil.copy(paths.ROOT / "installation.py", folder)
        self.stamp = folder / ".venv" / "installed.json"

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Begin the demo's set-up in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, self.program, "demo"],
            env={**os.environ, "PIP_RETRIES": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Whatever runs in a shell's background ignores Ctrl-C otherwise.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_proxy_that_refuses_is_one_line_and_leaves_no_stamp(project: Project) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        process = project.start(**dict.fromkeys(names, proxy), PIP_NO_INDEX="", no_proxy="")
        _, output = process.communicate()

    assert process.returncode == 2
    (line,) = output.splitlines()
    assert line.startswith("The set-up failed: a package registry does not respond (pip: ")
    assert line.endswith("): check the network and the proxy variables, then try again")
    assert not project.stamp.exists()


def test_an_interrupted_set_up_is_one_line_and_leaves_no_stamp(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = project.start(PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        connection, _ = silent.accept()
        with connection:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
            _, output = process.communicate()

    assert process.returncode == 130
    assert output == "\nStopped. The next run repeats only what is missing.\n"
    assert not project.stamp.exists()
    assert [path.name for path in (project.folder / "build").glob("installer-*")] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=4m tmpfs {tmp_path} && cp -R {{}} {tmp_path}"
        f" && exec {sys.executable} {tmp_path}/installation.py demo"
    )
    sources = " ".join(
        str(paths.ROOT / name) for name in (*FILES, "pyproject.toml", "installation.py")
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script.format(sources)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"The set-up failed: the disk is full: {tmp_path} needs 1.1 GB, and the caches of pip, uv"
        " and npm 0.4 GB\n"
    )


@pytest.fixture
def ran(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the set-up runs: nothing really, but venv makes its folder."""
    found: list[str] = []

    def pretend(*command: str, path: str | None = None) -> None:
        words = " ".join(command)
        kinds = ("-m venv", "uv venv", "--requirement", "--editable")
        kind = next(word for word in kinds if word in words)
        assert kind != "--requirement" or "--require-hashes" in words
        found.append(kind if kind != "--requirement" else command[-1])
        if kind == "uv venv":
            (project.folder / ".venv").mkdir()

    monkeypatch.setattr(installation, "ROOT", project.folder)
    monkeypatch.setattr(installation, "VENV", project.folder / ".venv")
    monkeypatch.setattr(installation, "_LOG", project.folder / "build" / "log")
    monkeypatch.setattr(installation, "_run", pretend)
    monkeypatch.setattr(installation, "_settings", lambda _: [])
    (project.folder / "build").mkdir()
    return found


INSTALLER = ["-m venv", "requirements-installer.txt"]
DEMO = "requirements-demo.txt"
EVERYTHING = ["requirements-dev.txt", "--editable"]


def test_what_is_there_is_kept(ran: list[str]) -> None:
    installation.install_packages("demo")
    installation.install_packages("demo")
    assert ran == [*INSTALLER, "uv venv", DEMO]


def test_the_demos_packages_are_added_to_and_not_taken_away(ran: list[str]) -> None:
    installation.install_packages("demo")
    installation.install_packages("everything")
    installation.install_packages("demo")
    assert ran == [*INSTALLER, "uv venv", DEMO, *INSTALLER, *EVERYTHING]


def test_changed_requirements_are_installed_into_what_is_there(
    ran: list[str], project: Project
) -> None:
    installation.install_packages("everything")
    (project.folder / "requirements-dev.txt").write_text("another\n")
    installation.install_packages("demo")
    assert ran == [*INSTALLER, "uv venv", *EVERYTHING, *INSTALLER, *EVERYTHING]


@pytest.mark.parametrize(
    "stale",
    [{"python": "3.10.1 (main)"}, {"folder": "/elsewhere/.venv"}, None, "cut off"],
    ids=["another Python", "moved", "unfinished", "half a stamp"],
)
def test_a_stale_environment_is_made_anew(
    ran: list[str],
    project: Project,
    stale: dict[str, str] | str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    installation.install_packages("demo")
    stamp = project.stamp.read_text()
    (project.folder / ".venv" / "of-before").touch()
    if stale is None:
        project.stamp.unlink()
    else:
        broken = stamp[:9]
        changed = isinstance(stale, dict) and {**json.loads(stamp), **stale}
        project.stamp.write_text(json.dumps(changed) if changed else broken)
    ran.clear()
    installation.install_packages("demo")

    assert ran == [*INSTALLER, "uv venv", DEMO]
    assert not (project.folder / ".venv" / "of-before").exists()
    assert (
        ".venv is incomplete, moved, or of another Python: creating it again"
        in capsys.readouterr().out
    )
    assert project.stamp.read_text() == stamp


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "npm error code ENOTFOUND\nnpm error network request to https://r failed, reason:"
            " getaddrinfo ENOTFOUND r\n",
            "a package registry does not respond (npm: npm error network request to https://r"
            " failed, reason: getaddrinfo ENOTFOUND r): check the network and the proxy variables,"
            " then try again",
        ),
        ("npm error ENOSPC: no space left\n", installation._FULL_DISK),
        ("something\nerror: it broke\n", "npm failed: error: it broke (full output: build/log)"),
        ("", "npm failed: exit status 7 (full output: build/log)"),
    ],
)
def test_what_the_installers_print_becomes_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, output: str, line: str
) -> None:
    log = project.folder / "build" / "log"
    log.parent.mkdir()
    log.write_text(output)
    monkeypatch.setattr(installation, "_LOG", log)
    monkeypatch.setattr(installation, "ROOT", project.folder)
    assert installation._reason("npm", 7) == line
