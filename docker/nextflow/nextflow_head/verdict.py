"""How a run ended: one exit status and one line that tell apart what the user has to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nextflow_head.process import End


class State(StrEnum):
    """What became of an attempt; the word that run.json holds."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    BAD_INPUT = "BAD_INPUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NO_PERMISSION = "NO_PERMISSION"
    HOST_LOST = "HOST_LOST"
    UNREACHABLE = "UNREACHABLE"
    CANCELLED = "CANCELLED"


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


def of(end: End, log: Path, heap: int | None) -> Verdict:
    """The verdict on a Nextflow that ran.

    Args:
        end: How the process ended.
        log: Nextflow's own log.
        heap: Its Java heap in MiB, or None if the JVM decided.
    """
    if end.status == 0:
        return _verdict(State.SUCCEEDED, "")
    if end.signal is not None:
        line = f"cancelled: {end.signal.name} reached the head, and Nextflow has ended its tasks"
        return Verdict(State.CANCELLED, 128 + end.signal, line)
    if end.out_of_memory or end.status == _HEAP_USED_UP:
        used = f"its heap of {heap} MiB" if end.status == _HEAP_USED_UP and heap else "it all"
        return _verdict(
            State.OUT_OF_MEMORY,
            f"out of memory: Nextflow used {used}; give the head more, by head.memory_mib in the"
            ' settings or --container-overrides \'{"resourceRequirements": [{"type": "MEMORY",'
            ' "value": "16384"}]}\'',
        )
    return _of_log(end, log)


#: Of a JVM with -XX:+ExitOnOutOfMemoryError.
_HEAP_USED_UP = 3

_ENTRY = re.compile(r"[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d\.\d{3} \[")
_ABORTED_BY_USAGE = re.compile(r"nextflow\.cli\.Launcher - Operation aborted\n(?P<why>.+)")
_BROKEN_FILE = re.compile(r"nextflow\.cli\.Launcher - (?P<why>Unable to parse config file: .+)")
_NO_GIT_HOST = re.compile(r"java\.(?:net|nio)\.\S*?(?P<why>\w+Exception(?:: .+)?)$")
_PARAMS = re.compile(r"(?:groovy\.json|org\.yaml\.snakeyaml)\.\S+: (?P<why>.+)")
# A task's S3 client, Nextflow's own file system, and the SDK's answer that names no action.
_S3_DENIED = re.compile(
    r"An error occurred \((?:AccessDenied|403|Forbidden)\) when calling the (?P<call>\w+) operation"
    r"|java\.nio\.file\.AccessDeniedException: (?P<path>\S+)"
    r"|Access ?Denied \(Service: (?P<service>\w+), Status Code: 403"
)
_HOST_LOST = re.compile(r"Host EC2 \(instance (?P<host>[\w-]+)\) terminated")
_NO_ANSWER = re.compile(
    r"(?P<why>Unable to execute HTTP request: .+|\(Service: \w+, Status Code: 50[0234].*)"
)
# What the SDK did more than once, it took for passing.
_ABORTED_BY_AWS = re.compile(
    r"(?:Session aborted -- Cause: |Error executing process > '.+'\n\nCaused by:\n\s+)"
    r"(?P<why>.*(?:Unable to execute HTTP|Status Code: 50[0234]|SDK Attempt Count: (?!1\))).*)"
)
_PROCESS = re.compile(r"Error executing process > '(?P<name>.+)'")
_CAUSE = re.compile(r"Session aborted -- Cause: (?P<why>.+)|Caused by:\n\s+(?P<cause>.+)")
# What Batch says of each task with an exit status, which tells nothing.
_ESSENTIAL = "Essential container in task exited"
_EXIT = re.compile(r"Command exit status:\n\s+(?P<status>\d+)\n")
_STDERR = re.compile(r"Command error:\n(?:  .*\n)*?  (?P<last>\S.*)\n(?!  )")
_MESSAGE = re.compile(r"\] ERROR \S+ - (?!@unknown)(?P<why>.+)|@unknown\n\S+?: (?P<cause>.+)")


def _of_log(end: End, log: Path) -> Verdict:
    """The verdict on a Nextflow that failed, from the errors in its log."""
    if not log.is_file() and end.status == 1:
        return _verdict(
            State.BAD_INPUT, "Nextflow refused its command line, for the reason that it gave above"
        )
    errors = _errors(log)
    process = _PROCESS.search(errors)
    where = f"process {process['name']}: " if process else ""
    told = (look(errors, where) for look in (_usage, _denied, _host_lost, _no_answer))
    return next((found for found in told if found), None) or Verdict(
        State.FAILED, end.status, f"pipeline failed: {where}{_cause(errors)}"
    )


def _usage(errors: str, where: str) -> Verdict | None:
    found = _ABORTED_BY_USAGE.search(errors) or _BROKEN_FILE.search(errors)
    if not found:
        return None
    if absent := _NO_GIT_HOST.match(found["why"]):
        return _verdict(
            State.UNREACHABLE,
            f"the project's host did not answer ({absent['why']}); let the head reach it, or put"
            " the project into S3",
        )
    why = re.sub(r"^[\w.]+(?:Exception|Error): ", "", found["why"])
    if broken := _PARAMS.search(found["why"]):
        why = f"the params file is neither JSON nor YAML: {broken['why']}"
    return _verdict(State.BAD_INPUT, where + why)


def _denied(errors: str, where: str) -> Verdict | None:
    if found := AUTHORIZATION.search(errors):
        action, resource = found["action"], found["resource"]
    elif found := _S3_DENIED.search(errors):
        action, resource = f"s3:{found['call'] or '*'}", found["path"]
    else:
        return None
    said = missing(action, resource or "what the log names")
    return _verdict(State.NO_PERMISSION, where + said)


def _host_lost(errors: str, where: str) -> Verdict | None:
    found = _HOST_LOST.search(errors)
    return found and _verdict(
        State.HOST_LOST,
        f"{where}lost its host ({found['host']}) more often than it is retried; with"
        " head.on_demand_queue in the settings its further attempts run On-Demand",
    )


def _no_answer(errors: str, where: str) -> Verdict | None:
    # A task's own words are no answer to the head.
    found = _ABORTED_BY_AWS.search(errors) or (None if where else _NO_ANSWER.search(errors))
    return found and _verdict(
        State.UNREACHABLE,
        f"AWS did not answer: {found['why']}; resume this run by NF_RESUME and this job's id",
    )


def _cause(errors: str) -> str:
    found = _CAUSE.search(errors) or _MESSAGE.search(errors)
    told = next((text for text in found.groups() if text), "") if found else ""
    if told == _ESSENTIAL and (status := _EXIT.search(errors)):
        told = f"exit status {status['status']}"
    if told and (said := _STDERR.search(errors)):
        told = f"{told}: {said['last'][:300]}"
    return told or "for the reason that Nextflow gave above"


def _errors(log: Path) -> str:
    """The entries of the log that tell why it ended; none if there is no log."""
    if not log.is_file():
        return ""
    kept: list[str] = []
    keeping = False
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _ENTRY.match(line):
                # What a plugin tried in vain and does without stands at other levels.
                keeping = "] ERROR " in line or "aborted" in line
            if keeping:
                kept.append(line)
    return "".join(kept)


def _verdict(state: State, line: str) -> Verdict:
    return Verdict(state, STATUSES[state], line)
