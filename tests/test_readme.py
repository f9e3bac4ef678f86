"""What README and docs tell people to type is what the project has, and the way that they lead works."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING

import pytest

import installation
from stacks import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

README = paths.ROOT / "README.md"
DOCUMENTS = [README, *sorted((paths.ROOT / "docs").rglob("*.md"))]
MAKEFILE = (paths.ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))


def _blocks(text: str) -> list[str]:
    """The commands of all shell blocks, continued lines as one, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].split(" # ")[0].strip() for line in lines if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_target_that_is_named_is_there(document: str) -> None:
    text = paths.ROOT.joinpath(document).read_text()
    named = re.findall(r"`make ([a-z0-9-]+)", text) + [
        line.split()[1] for line in _blocks(text) if line.startswith("make ")
    ]
    assert set(named) <= TARGETS


#: What the commands of README are executed by; a new one needs a test first.
EXECUTED = {
    "make demo": "test_demo",
    "make test": "this very run",
    "make local-aws": "the fixture below",
    "make local-aws PORT=4567": "test_the_port_is_the_one_that_is_asked_for",
    "make clean-docker": "would remove what other runs use",
    "make setup": "the installation that this run has",
    "make lock-image": "test_head_image_lock",
    "cp settings/default.yaml settings/lab.yaml": "the way below",
    "make synth SETTINGS=lab": "the way below",
    "make bootstrap": "the way below",
    "make diff SETTINGS=lab": "the way below",
    "make deploy SETTINGS=lab": "the way below",
    "python3 -m venv .venv": ".ci/bare",
    ".venv/bin/pip install -r requirements.txt": ".ci/bare",
    'PATH="$PWD/.venv/bin:$PATH" npm ci': ".ci/bare",
    'PATH="$PWD/.venv/bin:$PATH" npx cdk synth -c settings=lab': "the way below",
    "aws batch submit-job --job-name nf-hello --job-queue lab-heads"
    "    --job-definition lab-nextflow --container-overrides command=hello": "the way below",
    "pip install ./cli": "test_cli_distribution",
    "nfbatch launch --follow hello": "test_cli_launch",
}


def test_each_command_of_the_readme_is_executed_by_something() -> None:
    assert set(_blocks(README.read_text())) == set(EXECUTED)


def test_help_lists_each_target_that_is_documented_there() -> None:
    done = _make("help")
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert listed == set(re.findall(r"^([a-z0-9-]+):.*##", MAKEFILE, re.MULTILINE))


def test_the_port_is_the_one_that_is_asked_for() -> None:
    assert "python -m local_aws --port 4567" in _make("-n", "local-aws", "PORT=4567").stdout


def test_no_option_is_one_that_the_cdk_ignores() -> None:
    """It would print `Unknown option(s)` for them."""
    cdk = str(paths.ROOT / "node_modules" / ".bin" / "cdk")
    for command, options in re.findall(r"^\tcdk (\w+)(.*)$", MAKEFILE, re.MULTILINE):
        known = subprocess.run(
            [cdk, command, "--help"], env=_environment(), capture_output=True, text=True, check=True
        ).stdout
        assert [o for o in re.findall(r"--[a-z-]+", options) if o not in known] == []


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def _make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["make", *arguments],
        cwd=paths.ROOT,
        # Of the make that runs the tests; it would tell of folders.
        env=_environment(**environment, MAKEFLAGS="", MAKELEVEL="0"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def exports() -> Iterator[dict[str, str]]:
    """The `export` lines of `make local-aws`, as a shell reads them."""
    if not installation.is_installed("everything"):
        pytest.skip("this virtual environment is not of `make setup`, which would replace it")
    command = [sys.executable, "-m", "local_aws", "--port", "0"]
    process = subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("unset"):
                break
        script = "".join(lines) + "env -0"
        done = subprocess.run(["sh", "-c", script], env={}, capture_output=True, check=True)
        pairs = (pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)
        yield {name: value for name, value in pairs if name != "PWD"}
        process.send_signal(signal.SIGINT)


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_local_aws_takes_what_make_deploys_without_a_question(exports: dict[str, str]) -> None:
    """In the order of the README; the workshop's settings stand for one's own."""
    settings = "SETTINGS=workshop"
    _make("synth", settings, **exports)
    _make("bootstrap", settings, **exports)
    _make("deploy", settings, **exports)
    difference = _make("diff", settings, **exports)
    assert "Unknown option" not in difference.stdout + difference.stderr
    assert "Number of stacks with differences: 0" in difference.stdout + difference.stderr

    (command,) = [line for line in _blocks(README.read_text()) if line.startswith("aws batch")]
    assert "--job-queue lab-heads " in command
    # As the README says of these settings.
    command = command.replace("lab-heads", "highpriority").replace("lab-nextflow", "nextflow")
    job = _aws(f"{command} --query jobId --output text", exports).strip()
    state = ""
    while state not in ("SUCCEEDED", "FAILED"):
        asked = f"aws batch describe-jobs --jobs {job} --query jobs[0].status --output text"
        state = _aws(asked, exports).strip()
        time.sleep(2)
    assert state == "SUCCEEDED"


def _aws(command: str, exports: dict[str, str]) -> str:
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        shlex.split(command),
        env=_environment(**exports, PATH=f"{scripts}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.e2e
def test_npx_finds_the_virtual_environment_that_is_not_active() -> None:
    if not (paths.ROOT / ".venv" / "bin" / "npx").exists():
        pytest.skip("there is no .venv here: `make setup` makes it")
    path = os.pathsep.join([str(paths.ROOT / ".venv" / "bin"), "/usr/bin", "/bin"])
    left_out = ("VIRTUAL_ENV",)
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        ["npx", "cdk", "synth", "--quiet", "-c", "settings=workshop", "--output", "build/npx"],
        cwd=paths.ROOT,
        env={**kept, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
