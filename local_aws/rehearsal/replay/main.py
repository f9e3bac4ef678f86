"""The entry: `nextflow` as the head calls it."""

import os
import sys
import uuid
from importlib import resources
from pathlib import Path

from . import alone, session, settings
from .command_line import CommandLine, parse
from .speech import LABEL, Refused, say

_USAGE_ERROR = 2


def main() -> int:
    """Runs one command line; the first argument is the distribution's folder.

    Returns:
        The exit code: Nextflow's, or 2 for what cannot be simulated.
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
        return _run(core, line)
    if line.command == "plugin":
        command = " ".join(arguments)
        say(f"`nextflow {command}`: plugins are not available here; nothing was installed.")
        return 0
    if core is not None:
        os.execv(core, [str(core), *arguments])  # noqa: S606 - the core takes over
    if not line.command:
        print(f"nextflow {LABEL}: Nextflow is not installed here, only its AWS calls for `hello`.")
        return 0
    raise Refused(f"`nextflow {line.command}` needs Nextflow itself, which is not installed here")


def _run(core: Path | None, line: CommandLine) -> int:
    """Rehearses `hello`."""
    line.require_hello()
    if core is not None:
        say("the real Nextflow core runs `hello`; its plugin for AWS Batch is not available here,")
        say("so the plugin's calls to AWS are replayed. Lines without this label are Nextflow's.")
    else:
        say("Nextflow is not installed here: only its AWS calls for `hello` are replayed.")
    configs = [Path(str(option.value)) for option in (*line.only_configs(), *line.configs())]
    if home := os.environ.get("NXF_HOME"):
        configs.insert(0, Path(home) / "config")  # the head's own
    # The distribution writes it: process.container = 'IMAGE'
    hello = resources.files(__package__).joinpath("hello", "nextflow.config").read_text()
    work_dir = line.value("-w", "-work-dir")
    chosen = settings.from_head(os.environ, configs, work_dir, hello.split("'")[1])
    if core is not None:
        return session.run(core, line, chosen)
    identity = line.value("-resume") or os.environ.get("NXF_UUID") or str(uuid.uuid4())
    log = line.value("-log") or os.environ.get("NXF_LOG_FILE") or ".nextflow.log"
    return alone.run(chosen, identity, Path(log))
