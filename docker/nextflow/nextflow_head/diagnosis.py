"""How a Nextflow that has ended did: read from its exit, its messages and, if needed, S3."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from nextflow_head.messages import Messages
from nextflow_head.origins import Origins
from nextflow_head.outcome import STATUSES, Outcome, State
from nextflow_head.process import Exit
from nextflow_head.rules import RULES
from nextflow_head.rules.rule import Rule
from nextflow_head.s3_access import S3Access

#: Characters of a line, so that it can be read at a glance in a list of jobs.
_LONGEST = 300
# What a group of a rule's pattern may take of it, until the line fits.
_SHARES = (250, 200, 150, 110, 80, 60, 40)
# What AWS and its SDK add to a message for its support.
_AWS_NUMBERS = re.compile(
    r"(?:, RequestId: [\w-]+)? \(Service: [^)]*Request ID: [^)]*\)(?: \(SDK Attempt Count: \d+\))?"
)
#: Of a JVM with -XX:+ExitOnOutOfMemoryError.
_HEAP_USED_UP = 3
_KILLED = (
    "Nextflow was killed by SIGKILL, but neither by the head nor by the kernel for lack of memory;"
    " resume this run with NF_RESUME and this job's id"
)


def of(ended: Exit, log: Path, heap: int | None, origins: Origins, s3: S3Access) -> Outcome:
    """The outcome of a Nextflow that ran.

    Args:
        ended: How the process ended.
        log: Nextflow's own log.
        heap: Its Java heap in MiB, or None if the JVM decided.
        origins: What the user named for each local copy.
        s3: Says why something in S3 could not be read or written.
    """
    messages = Messages.of(ended.output, log, origins)
    if ended.status == 0:
        return _of_success(messages, s3)
    if ended.signal is not None:
        line = f"cancelled: the head received {ended.signal.name}, and Nextflow ended its tasks"
        return Outcome(State.CANCELLED, 128 + ended.signal, line)
    heap_used_up = ended.status == _HEAP_USED_UP and "java.lang.OutOfMemoryError" in ended.output
    if ended.out_of_memory or heap_used_up:
        used = f"its heap of {heap} MiB" if heap_used_up and heap else "the container's memory"
        return _out_of_memory(used)
    if ended.status == 128 + signal.SIGKILL:
        return Outcome(State.FAILED, ended.status, _KILLED)
    return _of_failure(ended.status, messages, s3)


def _out_of_memory(used: str) -> Outcome:
    return Outcome.of(
        State.OUT_OF_MEMORY,
        f"out of memory: Nextflow used all of {used}; increase the head's memory with"
        " head.memory_mib in the settings or --container-overrides"
        ' \'{"resourceRequirements": [{"type": "MEMORY", "value": "16384"}]}\'',
    )


def _of_success(messages: Messages, s3: S3Access) -> Outcome:
    for rule in RULES:
        if rule.after_success and (found := rule.match(messages)):
            return _of_rule(rule, found, 0, messages, s3)
    return Outcome.of(State.SUCCEEDED, "")


def _of_failure(status: int, messages: Messages, s3: S3Access) -> Outcome:
    """The outcome of a Nextflow that failed: the first rule that matches."""
    for rule in RULES:
        if found := rule.match(messages):
            return _of_rule(rule, found, status, messages, s3)
    raise AssertionError("the last rule matches everything")


def _of_rule(
    rule: Rule, found: re.Match[str], status: int, messages: Messages, s3: S3Access
) -> Outcome:
    values = {**messages.facts, **_groups(found)}
    if rule.access and (problem := s3.problem(rule.access, found["uri"])):
        line = _filled(f"{rule.subject}{{problem}}", {**values, "problem": problem.line})
        return Outcome(problem.state, problem.status, line)
    line = _filled(rule.line, values)
    if rule.state is not State.FAILED:
        return Outcome.of(rule.state, line)
    work = f" (work directory: {values['work']})" if values["work"] else ""
    return Outcome(rule.state, _own(status), line + work if _fits(line + work) else line)


def _own(status: int) -> int:
    """A pipeline's own exit status, unless it has another meaning here."""
    return 1 if status in STATUSES.values() else status


def _groups(match: re.Match[str]) -> dict[str, str]:
    return {
        name: " ".join(_AWS_NUMBERS.sub("", text or "").split()).rstrip(".")
        for name, text in match.groupdict().items()
    }


def _filled(template: str, values: dict[str, str]) -> str:
    """The line, with values as short as it takes."""
    line = ""
    for share in _SHARES:
        line = template.format_map({name: _short(text, share) for name, text in values.items()})
        line = " ".join(line.split())
        if _fits(line):
            break
    return line


def _fits(line: str) -> bool:
    return len(line) <= _LONGEST


def _short(text: str, longest: int) -> str:
    """A text without its middle; an address in S3 or a message is known by both of its ends."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
