"""A run by the real core, whose tasks go to AWS Batch through the replayed executor."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Any

import boto3

from .command_line import CommandLine, Option
from .executor import Executor
from .settings import Settings
from .slurm import Slurm
from .speech import say

_REPORTS = ("-with-report", "-with-timeline", "-with-trace", "-with-dag")
# They name S3, plugins or a revision of the published `hello`.
_DROPPED = re.compile(
    r"-(w|work-dir|bucket-dir|plugins|r|revision|latest|d|deep"
    r"|with-(cloudcache|docker|wave|fusion|tower|weblog))"
)
_OVERRIDES = """// [simulation] The core without its cloud plugins; the rest is as configured.
plugins { }
process.executor = 'slurm'
executor.'$slurm'.pollInterval = '500 ms'
executor.'$slurm'.queueStatInterval = '5 sec'
cloudcache.enabled = false
wave.enabled = false
fusion.enabled = false
tower.enabled = false
"""
_FOREIGN = ("NXF_CLOUDCACHE_PATH", "NXF_WORK", "NXF_ENABLE_AWS_SES", "TOWER_ACCESS_TOKEN")


def run(core: Path, line: CommandLine, chosen: Settings) -> int:
    """Runs `hello`.

    Args:
        core: The core's `bin/nextflow`.
        line: The command line, without the program's name.
        chosen: The executor's settings.

    Returns:
        Nextflow's exit code.
    """
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as temporary:
        folder = Path(temporary)
        project = folder / "hello"
        project.mkdir()
        for name in ("main.nf", "nextflow.config"):
            text = resources.files(__package__).joinpath("hello", name).read_text()
            (project / name).write_text(text)
        environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN}
        environment |= {"NXF_OFFLINE": "true", "NXF_PLUGINS_DEFAULT": "false"}
        environment["NXF_PLUGINS_DIR"] = str(folder / "plugins")
        say(f"queue {chosen.queue}; workDir {chosen.work_dir}; region {chosen.region}")
        uploads: dict[Path, str] = {}
        arguments = _arguments(line, project, folder, uploads)
        with Slurm(Executor(chosen), folder) as slurm:
            environment["PATH"] = f"{slurm.commands}{os.pathsep}{environment['PATH']}"
            # Whatever is killed here must reach the core, which then terminates its jobs.
            process = subprocess.Popen([str(core), *arguments], env=environment)
            code = _wait(process, slurm.lost)
        for path, url in uploads.items():
            _upload(path, url)
    return code


def _arguments(
    line: CommandLine, project: Path, folder: Path, uploads: dict[Path, str]
) -> list[str]:
    """The core's command line: the head's, with what a core without plugins needs changed.

    Args:
        line: The head's.
        project: Our own `hello`.
        folder: A temporary one.
        uploads: Filled with the reports that have to go to S3 afterwards.
    """
    overrides = folder / "rehearsal.config"
    overrides.write_text(_OVERRIDES)
    words: list[str] = []
    for option in line.options:
        words += option.words()
    if line.only_configs():
        words += ["-C", str(overrides)]
    words += ["run", str(project)]
    for option in line.command_options:
        if not _DROPPED.fullmatch(option.name):
            words += _kept_in_reach(option, folder, uploads).words()
    if not line.only_configs():
        words += ["-c", str(overrides)]
    return [*words, "-w", str(folder / "work"), *line.positional[1:]]


def _kept_in_reach(option: Option, folder: Path, uploads: dict[Path, str]) -> Option:
    """A report meant for S3 goes to a local file first: `s3://` is the work of a plugin."""
    if option.name not in _REPORTS or not (option.value or "").startswith("s3://"):
        return option
    url = str(option.value)
    path = folder / url.rpartition("/")[2]
    uploads[path] = url
    return Option(option.name, str(path))


def _wait(process: subprocess.Popen[bytes], lost: threading.Event) -> int:
    """Waits for the core; hands on the signals that this program gets meanwhile."""

    def hand_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hand_on)
    while True:
        try:
            code = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if lost.is_set():
                lost.clear()
                process.terminate()
            continue
        # A shell's way to tell which signal it was.
        return code if code >= 0 else 128 - code


def _upload(path: Path, url: str) -> None:
    """Sends one report to where the command line wanted it."""
    if not path.exists():
        return
    bucket, _, key = url.removeprefix("s3://").partition("/")
    client: Any = boto3.client("s3")
    client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    say(f"s3:PutObject {url}")
