"""run.json: what a run is and how far it has come, for other tools to read."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import Client, refusing
from nextflow_head.verdict import State, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from nextflow_head.environment import Environment
    from nextflow_head.history import Attempt
    from nextflow_head.session import Session

#: Raised when a reader of the file would have to change.
FORMAT = 1


class Record:
    """The run.json of a job; docs/head.md describes its fields.

    Args:
        file: Where it is written.
        reports: The folder of this attempt's log and reports.
        tasks: The file in which the head's plugin counts tasks.
        environment: What the head was told.
        session: The run's identity.
        project: What is run, as the user named it.
        arguments: The arguments of `nextflow run`.
        earlier: The attempts before this one.
    """

    def __init__(
        self,
        file: Path,
        *,
        reports: Path,
        tasks: Path,
        environment: Environment,
        session: Session,
        project: str | None,
        arguments: Sequence[str],
        earlier: Sequence[Attempt],
    ) -> None:
        self._file = file
        self._reports = reports
        self._tasks = tasks
        self._place = session.record
        self._nextflow: str | None = None
        self._revision: str | None = None
        self._verdict = Verdict(State.RUNNING, 0, "")
        self._ended: int | None = None
        self._started = _now()
        self._fixed = {
            "format": FORMAT,
            "job": environment.job_id,
            "queue": environment.own_queue,
            "deployment": environment.name,
            "owner": environment.owner,
            "region": environment.region,
            "session": {"id": session.id, "folder": str(session.folder)},
            "resumes": environment.resume,
            "project": project,
            "arguments": list(arguments),
        }
        self._earlier = [
            {
                "number": attempt.number,
                "state": "ENDED",
                "exit": attempt.status,
                "reason": attempt.reason or None,
                "started": attempt.started,
                "ended": attempt.stopped,
                "logs": str(session.logs.parent / f"a{attempt.number}"),
            }
            for attempt in earlier
        ]
        self._current = {
            "number": environment.attempt,
            "run_name": session.run_name,
            "logs": str(session.logs),
        }

    def begin(self, s3: Client) -> None:
        """Writes it for the first time, straight to S3: so it is known that logs can be kept.

        Raises:
            Refusal: They cannot.
        """
        with refusing(f"{self._place} cannot be written", str(self._place)):
            s3.put_object(
                Bucket=self._place.bucket,
                Key=self._place.key,
                Body=self._text().encode(),
                ContentType="application/json",
            )

    def end(self, verdict: Verdict) -> None:
        """Notes how this attempt ended."""
        self._verdict, self._ended = verdict, _now()

    def refresh(self) -> None:
        """Writes what is known now."""
        self._file.write_text(self._text())

    def _text(self) -> str:
        state = {
            "state": self._verdict.state.value,
            "exit": None if self._ended is None else self._verdict.status,
            "reason": self._verdict.line or None,
            "started": self._started,
            "ended": self._ended,
        }
        counted = self._counted()
        content = {
            **self._fixed,
            **state,
            "started": self._earlier[0]["started"] if self._earlier else self._started,
            "updated": _now(),
            "tasks": _total(counted["processes"].values()),
            "processes": counted["processes"],
            **self._told(counted["plugins"]),
            "attempts": [*self._earlier, {**self._current, **state}],
        }
        return json.dumps(content, indent=2) + "\n"

    def _counted(self) -> dict[str, Any]:
        """By process how many tasks ended how, in this attempt, and the plugins in use."""
        if not self._tasks.is_file():
            return {"processes": {}, "plugins": []}
        counted: dict[str, Any] = json.loads(self._tasks.read_text())
        return counted

    def _told(self, plugins: Sequence[str]) -> dict[str, Any]:
        """What Nextflow's log says, soon after its start, of itself and of the project."""
        log = self._reports / ".nextflow.log"
        if self._revision is None and log.is_file():
            with log.open(encoding="utf-8", errors="replace") as file:
                beginning = file.read(2**16)
            version = re.search(r"N E X T F L O W +~ +version (\S+)", beginning)
            revision = re.search(r"Launching `.*- revision: (.+)", beginning)
            self._nextflow = version[1] if version else None
            self._revision = revision[1] if revision else None
        return {
            "revision": self._revision,
            "versions": {"nextflow": self._nextflow, "plugins": plugins},
        }


def _total(processes: Iterable[dict[str, int]]) -> dict[str, int]:
    """The counts of all processes together."""
    total: Counter[str] = Counter()
    for counts in processes:
        total.update(counts)
    return dict(sorted(total.items()))


def session_of(record: dict[str, Any]) -> tuple[str, str]:
    """The session's id and folder in the content of a run.json.

    Raises:
        KeyError, TypeError: It is no run.json.
    """
    session = record["session"]
    return session["id"], session["folder"]


def _now() -> int:
    """Milliseconds since 1970, as Batch counts."""
    return time.time_ns() // 1_000_000
