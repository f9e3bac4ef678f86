"""Nextflow's messages about its end, in its log and on the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nextflow_head.origins import Origins

_ENTRY = re.compile(r"[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d\.\d{3} \[")
# Other levels hold what a plugin tried and does without, but also why a folder in S3 could not be
# created; the last three entries say which files are meant.
_RELEVANT = re.compile(
    r"\] ERROR |aborted|Failed to create directory"
    r"|Parsing config file: |Launching|Parsed script files"
)
# From here on a pipeline may print what it likes.
_RUNNING = "ScriptRunner - > Launching execution"
# The report on a failed task:
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/processor/TaskErrorFormatter.groovy
_PROCESS = re.compile(r"Error executing process > '(?P<process>.+)'")
_BLOCK = r"^{title}:\n(?P<text>(?:\n|[ \t].*\n)*)"
_PRINTED = ("Command error", "Command log", "Command output")
_OF_THE_TASK = re.compile(
    _BLOCK.format(title=r"(?:Command (?:executed.*|error|log|output)|Source block)"), re.MULTILINE
)
# The line in the pipeline that a stack trace names by the class that Nextflow made of a script.
_FRAME = re.compile(r"\((?P<name>Main|_nf_script_[0-9a-f]{16}):(?P<line>\d+)\)$", re.MULTILINE)
_UNCOMPILED = re.compile(r"^Error (?P<file>\S.*?):(?P<line>\d+):(?P<column>\d+): ", re.MULTILINE)


@dataclass(frozen=True)
class Messages:
    """The messages, sorted by who wrote them.

    Attributes:
        nextflow: Those of Nextflow itself.
        task: The output of the task that failed: its errors, if it printed any.
        facts: Each is empty where it is not known: the `process` that failed, its `work` directory
            and its `last` line; the `place` in a file, and the same in brackets, `at`. They include
            the colons and blanks that they need.
    """

    nextflow: str
    task: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, printed: str, log: Path, origins: Origins) -> Messages:
        """Reads the messages of a Nextflow that has ended.

        Args:
            printed: The end of what it printed.
            log: Its log, which may not exist.
            origins: What the user named for each local copy.
        """
        text = origins.restore(_entries(log))
        printed = "" if _RUNNING in text else origins.restore(printed)
        report = _PROCESS.search(text)
        blocks = text[report.start() :] if report else ""
        task = next((found for title in _PRINTED if (found := _block(title, blocks))), "")
        place = _place(text, printed)
        facts = {
            "process": f"process {report['process']}: " if report else "",
            "work": _block("Work dir", blocks),
            "last": f": {task.rsplit(chr(10), 1)[-1].strip()}" if task else "",
            "place": place,
            "at": f" ({place})" if place else "",
        }
        return cls(_OF_THE_TASK.sub("", f"{printed}\n{text}"), task, facts)


def _entries(log: Path) -> str:
    """The entries of the log that say why it ended; none if there is no log."""
    if not log.is_file():
        return ""
    kept: list[str] = []
    keeping = False
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _ENTRY.match(line):
                keeping = _RELEVANT.search(line) is not None
            if keeping:
                kept.append(line)
    return "".join(kept)


def _block(title: str, report: str) -> str:
    """The text below a title in the report on a task."""
    found = re.search(_BLOCK.format(title=title), report, re.MULTILINE)
    text = found["text"].strip() if found else ""
    return "" if text in {"(empty)", "-"} else text


def _place(text: str, printed: str) -> str:
    """The line of a file that does not compile, or else of a stack trace."""
    if wrong := _UNCOMPILED.search(printed):
        return f"{_whole(wrong['file'], text)}, line {wrong['line']}, column {wrong['column']}"
    if frame := _FRAME.search(text):
        script = re.search(rf"^\s+{frame['name']}: (?P<file>\S.*)$", text, re.MULTILINE)
        return f"{script['file']}, line {frame['line']}" if script else ""
    return ""


def _whole(file: str, text: str) -> str:
    """The path of a file that Nextflow names as seen from another one.

    That is the main script or, for a configuration, the file itself.
    """
    configuration = re.findall(r"Parsing config file: (\S.*)$", text, re.MULTILINE)
    # A script of this machine, or the address of a repository.
    if main := re.search(r"Launching `(\S.*?)(?:/[^/`]+\.nf)?`", text):
        return f"{main[1]}/{file}"
    if configuration and configuration[-1].rsplit("/", 1)[-1] == file:
        return str(configuration[-1])
    return f"{file} (included by {configuration[-1]})" if configuration else file
