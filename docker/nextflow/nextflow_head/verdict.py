"""How a run ended: one exit status and one line that tell apart what the user has to do."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextflow_head.rules import RULES, Rule
from nextflow_head.said import Said
from nextflow_head.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from nextflow_head.origins import Origins
    from nextflow_head.process import End

__all__ = ["AUTHORIZATION", "STATUSES", "State", "Verdict", "missing", "of"]

#: The exit status of each end. Nextflow knows only 0 and 1; 2 is the shell's convention for wrong
#: usage, 3 the JVM's for a heap that is used up. A cancelled run ends with 128 and the signal.
STATUSES = {
    State.SUCCEEDED: 0,
    State.FAILED: 1,
    State.BAD_INPUT: 2,
    State.OUT_OF_MEMORY: 3,
    State.NO_PERMISSION: 4,
    State.HOST_LOST: 5,
    State.UNREACHABLE: 6,
}


#: What AWS says of a denial:
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
AUTHORIZATION = re.compile(
    r"not authorized to perform: (?P<action>[\w:-]+)(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)

#: Characters of a line, so that it can be read at a glance in a list of jobs.
_LONGEST = 300
# What a group of a rule's pattern may take of it, until the line fits.
_SHARES = (250, 200, 150, 110, 80, 60, 40)
# What AWS and its SDK add to a message for its support.
_AWS_NUMBERS = re.compile(
    r"(?:, RequestId: [\w-]+)? \(Service: [^)]*Request ID: [^)]*\)(?: \(SDK Attempt Count: \d+\))?"
)


@dataclass(frozen=True)
class Verdict:
    """The end of an attempt.

    Attributes:
        state: What kind of end.
        status: The exit status of the head.
        line: Why, and what to do; nothing after a success.
    """

    state: State
    status: int
    line: str


def missing(action: str, resource: str) -> str:
    """What to say of a missing permission."""
    return f"no permission for {action} on {resource}: allow it in the role's policy"


def of(end: End, log: Path, heap: int | None, origins: Origins) -> Verdict:
    """The verdict on a Nextflow that ran.

    Args:
        end: How the process ended.
        log: Nextflow's own log.
        heap: Its Java heap in MiB, or None if the JVM decided.
        origins: What the user named for each local copy.
    """
    if end.status == 0:
        return _verdict(State.SUCCEEDED, "")
    if end.signal is not None:
        line = f"cancelled: {end.signal.name} reached the head, and Nextflow has ended its tasks"
        return Verdict(State.CANCELLED, 128 + end.signal, line)
    heap_used_up = end.status == _HEAP_USED_UP and "java.lang.OutOfMemoryError" in end.said
    if end.out_of_memory or heap_used_up:
        used = f"its heap of {heap} MiB" if heap_used_up and heap else "all that its container has"
        return _verdict(
            State.OUT_OF_MEMORY,
            f"out of memory: Nextflow used up {used}; give the head more, by head.memory_mib in the"
            ' settings or --container-overrides \'{"resourceRequirements": [{"type": "MEMORY",'
            ' "value": "16384"}]}\'',
        )
    if end.status == 128 + signal.SIGKILL:
        return Verdict(State.FAILED, end.status, _KILLED)
    return _of_words(end, Said.of(end.said, log, origins))


#: Of a JVM with -XX:+ExitOnOutOfMemoryError.
_HEAP_USED_UP = 3
_KILLED = (
    "Nextflow was killed by SIGKILL, which neither the head sent nor the kernel for want of memory;"
    " resume this run by NF_RESUME and this job's id"
)


def _of_words(end: End, said: Said) -> Verdict:
    """The verdict on a Nextflow that failed: the first rule that fits."""
    for rule in RULES:
        if found := rule.match(said):
            status = STATUSES[rule.state] if rule.state is not State.FAILED else _own(end.status)
            return Verdict(rule.state, status, _line(rule, found, said))
    raise AssertionError("the last rule fits everything")


def _own(status: int) -> int:
    """A pipeline's own exit status, unless it has another meaning here."""
    return 1 if status in STATUSES.values() else status


def _line(rule: Rule, found: re.Match[str], said: Said) -> str:
    groups = {
        name: " ".join(_AWS_NUMBERS.sub("", text or "").split()).rstrip(".")
        for name, text in found.groupdict().items()
    }
    values = {**said.facts, **groups}
    line = ""
    for share in _SHARES:
        line = rule.line.format_map({name: _short(text, share) for name, text in values.items()})
        if len(line) <= _LONGEST:
            break
    where = f" (work directory: {values['work']})"
    if rule.state is State.FAILED and values["work"] and len(line + where) <= _LONGEST:
        line += where
    return line


def _short(text: str, longest: int) -> str:
    """A text without its middle; a place in S3 or a message is known by both of its ends."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _verdict(state: State, line: str) -> Verdict:
    return Verdict(state, STATUSES[state], line)
