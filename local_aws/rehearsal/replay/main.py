"""The entry: `nextflow` as the head calls it."""

import os
import sys
import uuid
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from . import alone, configuration, session, settings
from .command_line import CommandLine, parse
from .configuration import Value
from .speech import LABEL, Refused, say

_USAGE_ERROR = 2


def main() -> int:
    """Runs one command line; the first argument is the distribution's folder.

    Returns:
        The exit code: Nextflow's, or 2 for what cannot be rehearsed.
    """
    home = Path(sys.argv[1])
    core = home / "core" / "bin" / "nextflow"
    try:
        return _dispatch(core if core.exists() else None, sys.argv[2:])
    except Refused as refused:
        print(f"{LABEL} {refused}", file=sys.stderr, flush=True)
        return _USAGE_ERROR


def _dispatch(core: Path | None, arguments: list[str]) -> int:
    """Chooses who answers: the replay, the core, or nobody."""
    line = parse(arguments)
    if line.command == "run":
        line.require_hello()
        if core is not None:
            say("the real Nextflow core runs `hello`; its plugin for AWS Batch cannot be had here,")
            say(
                "so the plugin's calls to AWS are replayed. Lines without this mark are Nextflow's."
            )
            return session.run(core, line)
        say("there is no Nextflow here: only the AWS calls that it makes for `hello` are replayed.")
        chosen = settings.from_config(_read(line), os.environ, line.value("-w", "-work-dir"))
        identity = line.value("-resume") or os.environ.get("NXF_UUID") or str(uuid.uuid4())
        log = line.value("-log") or os.environ.get("NXF_LOG_FILE") or ".nextflow.log"
        return alone.run(chosen, identity, Path(log))
    if line.command == "plugin":
        say(f"`nextflow {' '.join(arguments)}`: plugins cannot be had here; nothing was installed.")
        return 0
    if core is not None:
        os.execv(core, [str(core), *arguments])  # noqa: S606 - the core takes over
    if line.command == "config":
        print(alone.configured(_read(line)), end="")
        return 0
    if line.command == "info" or line.has("-v", "-version") or not line.command:
        print(f"nextflow {LABEL}: there is no Nextflow here, only its AWS calls for `hello`.")
        return 0
    raise Refused(f"`nextflow {line.command}` needs Nextflow itself, which cannot be had here")


def _read(line: CommandLine) -> dict[str, Value]:
    """Reads the configuration files that Nextflow would read, in its order."""
    hello = resources.files(__package__).joinpath("hello", "nextflow.config")
    home = Path(os.environ.get("NXF_HOME") or Path.home() / ".nextflow")
    files: list[Traversable] = [home / "config", hello, Path("nextflow.config")]
    named: list[Traversable] = [Path(str(option.value)) for option in line.configs()]
    if line.only_configs():
        files, named = [], [Path(str(option.value)) for option in line.only_configs()]
    merged: dict[str, Value] = {}
    for path in [*(file for file in files if file.is_file()), *named]:
        try:
            merged |= configuration.read(path.read_text())
        except OSError as error:
            raise Refused(f"the configuration {path} cannot be read: {error.strerror}") from None
    return merged
