"""run.json: what a run is and its progress, for other tools to read."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import Client, aws_errors
from nextflow_head.outcome import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nextflow_head.environment import Environment
    from nextflow_head.history import Attempt
    from nextflow_head.run_folder import RunFolder
    from nextflow_head.session import Session

#: Raised when a reader of the file would have to change.
FORMAT = 1


class Record:
    """The run.json of a job; docs/head.md describes its fields.

    Args:
        folder: The files of the attempt.
        environment: The head's variables.
        session: The run's identity.
        project: The project, as the user named it.
        arguments: The arguments of `nextflow run`.
        earlier: The attempts before this one.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        environment: Environment,
        session: Session,
        project: str | None,
        arguments: Sequence[str],
        earlier: Sequence[Attempt],
    ) -> None:
        self._folder = folder
        self._uri = session.record
        self._nextflow: str | None = None
        self._revision: str | None = None
        self._outcome = Outcome(State.RUNNING, 0, "")
        self._ended: int | None = None
        self._started = _now()
        self._fixed = {
            "format": FORMAT,
            "job": environment.job_id,
            "queue": environment.own_queue,
            "deployment": environment.deployment,
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
        """Writes it for the first time, straight to S3: this shows that logs can be kept.

        Raises:
            InputError: It cannot be written.
        """
        with aws_errors(f"{self._uri} cannot be written", str(self._uri)):
            s3.put_object(
                Bucket=self._uri.bucket,
                Key=self._uri.key,
                Body=self._text().encode(),
                ContentType="application/json",
            )

    def end(self, outcome: Outcome) -> None:
        """Notes how this attempt ended."""
        self._outcome, self._ended = outcome, _now()

    def refresh(self) -> None:
        """Writes what is known now."""
        self._folder.record.write_text(self._text())

    def _text(self) -> str:
        state = {
            "state": self._outcome.state.value,
            "exit": None if self._ended is None else self._outcome.status,
            "reason": self._outcome.line or None,
            "started": self._started,
            "ended": self._ended,
        }
        counts = self._counts()
        content = {
            **self._fixed,
            **state,
            "started": self._earlier[0]["started"] if self._earlier else self._started,
            "updated": _now(),
            "tasks": _total(counts["processes"].values()),
            "processes": counts["processes"],
            **self._versions(counts["plugins"]),
            "attempts": [*self._earlier, {**self._current, **state}],
        }
        return json.dumps(content, indent=2) + "\n"

    def _counts(self) -> dict[str, Any]:
        """How many tasks of each process ended how in this attempt, and the plugins in use."""
        if not self._folder.tasks.is_file():
            return {"processes": {}, "plugins": []}
        counts: dict[str, Any] = json.loads(self._folder.tasks.read_text())
        return counts

    def _versions(self, plugins: Sequence[str]) -> dict[str, Any]:
        """What Nextflow's log says, soon after its start, of the project and of itself."""
        log = self._folder.log
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
        KeyError, TypeError: It is not a run.json.
    """
    session = record["session"]
    return session["id"], session["folder"]


def _now() -> int:
    """Milliseconds since 1970, as Batch counts."""
    return time.time_ns() // 1_000_000
