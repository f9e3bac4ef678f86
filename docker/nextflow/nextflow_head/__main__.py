"""The head: runs `nextflow run` with the arguments that it is given, as a Batch job."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nextflow_head import (
    arguments,
    claim,
    configuration,
    files,
    history,
    invocation,
    job_tags,
    memory,
    orphans,
    plugin,
    project,
    verdict,
)
from nextflow_head.aws import Aws, Client, refusing
from nextflow_head.environment import Environment, printable
from nextflow_head.evidence import Evidence
from nextflow_head.location import Location
from nextflow_head.origins import Origins
from nextflow_head.process import Process, Stopped
from nextflow_head.record import Record, session_of
from nextflow_head.refusal import Refusal
from nextflow_head.session import Session, record_of
from nextflow_head.verdict import State, Verdict

_GONE = "its head is gone; the next one submits what is still to be done"
_ENDED = "its head has ended"
#: Seconds before Nextflow is started again.
_PAUSES = (10, 20, 30)


def main() -> int:
    """Runs Nextflow and returns the exit status that says how that ended."""
    process = Process()
    try:
        return Head(process, sys.argv[1:], os.environ).run()
    except Refusal as refusal:
        for line in refusal.lines[:-1]:
            say(line)
        ended = refused(refusal)
    except Stopped as stop:
        ended = cancelled(stop)
    tagging = job_tags.put(ended, os.environ, say)
    tagging.join(job_tags.PATIENCE)
    say(ended.line)
    return ended.status


def refused(refusal: Refusal) -> Verdict:
    """The verdict on what could not start."""
    return Verdict(refusal.state, refusal.status, refusal.lines[-1])


def cancelled(stop: Stopped) -> Verdict:
    """The verdict on a head that was stopped while Nextflow was not running."""
    line = f"cancelled: {stop.signal.name} came while Nextflow was not running"
    return Verdict(State.CANCELLED, 128 + stop.signal, line)


class Head:
    """One attempt of a job, from its environment to its verdict.

    Args:
        process: What will be Nextflow.
        given: The arguments of `nextflow run`.
        container: The container's environment.

    Raises:
        Refusal: The environment, the arguments or the session do not allow a run.
    """

    def __init__(
        self, process: Process, given: Sequence[str], container: Mapping[str, str]
    ) -> None:
        self._process = process
        self._container = container
        self._environment = Environment.read(container)
        self._aws = Aws(self._environment.region, self._environment.endpoint)
        self._s3: Client = self._aws.client("s3")
        self._plugins = plugin.baked(container)
        claim.check(self._environment, self._s3)
        self._given = list(given)
        if self._environment.arguments:
            self._given = arguments.longer(given, self._environment.arguments, self._s3)
        self._project = arguments.project(self._given)
        self._session = self._find_session()
        # Paths of projects and configuration enter the hashes of tasks: the same for all attempts
        # of a session, or tasks that are done would run again.
        self._folder = Path.cwd() / ".nextflow-head" / self._session.id
        self._reports = self._folder / "evidence" / f"a{self._environment.attempt}"
        self._tasks = self._folder / "tasks.json"
        limit = memory.limit()
        self._heap = memory.heap(limit) if limit else None
        self._ran = False
        self._announce(limit)

    def run(self) -> int:
        """Runs the attempt, keeps its logs, says how it ended and returns the exit status.

        Raises:
            Refusal: Logs cannot be kept, or Batch does not tell of the attempts before.
        """
        session = self._session
        shutil.rmtree(self._folder, ignore_errors=True)
        self._reports.mkdir(parents=True)
        batch = self._aws.client("batch")
        earlier = history.of(self._environment.job_id, batch) if self._later else []
        for attempt in earlier:
            say(str(attempt))
        record = self._make_record(earlier)
        record.begin(self._s3)
        with Evidence(
            self._reports.parent,
            session.record.parent,
            connect=partial(self._aws.client, "s3", attempts=8),
            refresh=record.refresh,
            say=say,
        ) as evidence:
            ended = self._attempt(evidence, batch)
            record.end(ended)
            tagging = job_tags.put(ended, self._container, say)
        tagging.join(job_tags.PATIENCE)
        kept = "are" if evidence.kept else "could not be kept"
        say(f"logs and reports {kept} in {session.logs}")
        say(ended.line or "the pipeline succeeded")
        return ended.status

    @property
    def _later(self) -> bool:
        return self._environment.attempt > 1

    def _attempt(self, evidence: Evidence, batch: Client) -> Verdict:
        try:
            if claim.take(self._session, self._environment.job_id, self._s3, batch):
                count = orphans.terminate(self._session, self._environment, batch, _GONE)
                say(f"{count} tasks of an earlier attempt were still alive and are terminated")
            ended = self._run_until_told(evidence)
        except Refusal as refusal:
            for line in refusal.lines[:-1]:
                say(line)
            ended = refused(refusal)
        except Stopped as stop:
            ended = cancelled(stop)
        if self._ran and ended.status and not invocation.leaves_tasks(self._given, self._container):
            self._terminate_tasks()
        return ended

    def _terminate_tasks(self) -> None:
        """Ends the tasks that Nextflow did not, as when its memory ran out; few, as a rule none."""
        batch = self._aws.client("batch", attempts=8)
        try:
            count = orphans.terminate(self._session, self._environment, batch, _ENDED)
        except Refusal as refusal:
            for line in refusal.lines:
                say(line)
            return
        if count:
            say(f"{count} tasks that Nextflow had left are terminated")

    def _run_until_told(self, evidence: Evidence) -> Verdict:
        """Runs Nextflow, again if it gave up on a service that did not answer.

        Each SDK client of Nextflow repeats some hundred calls in a row, however many were allowed:
        enough for ten minutes of waiting for tasks, and for less while many are submitted.

        Raises:
            Refusal: Something that is named cannot be had, or AWS stays away.
        """
        given, home = self._at_hand(), self._configured_home()
        for pause in _PAUSES:
            ended = self._run_nextflow(evidence, given, home)
            if ended.state is not State.UNREACHABLE or not self._cloud_cache:
                return ended
            say(ended.line)
            say("Nextflow starts again, with what is done, as soon as AWS answers")
            self._process.rest()
            time.sleep(pause)
            claim.check(self._environment, self._aws.client("s3", attempts=100))
            batch = self._aws.client("batch", attempts=100)
            orphans.terminate(self._session, self._environment, batch, _GONE)
        return self._run_nextflow(evidence, given, home)

    def _run_nextflow(self, evidence: Evidence, given: list[str], home: Path) -> Verdict:
        def stopping(signal: str) -> None:
            say(f"{signal} was passed on to Nextflow, which now cancels its tasks")
            evidence.hurry()

        log = self._reports / ".nextflow.log"
        origins = Origins.of(self._given, files.whole(given, Path.cwd()), home)
        if self._cloud_cache:
            given = arguments.resuming(given, self._session.id)
        self._ran = True
        end = self._process.run(
            invocation.command(self._session, log, given),
            invocation.variables(
                self._container,
                self._environment,
                self._session,
                home,
                self._heap,
                plugins=self._plugins,
                tasks=self._tasks,
            ),
            stopping,
        )
        return verdict.of(end, log, self._heap, origins)

    @property
    def _cloud_cache(self) -> bool:
        return plugin.CLOUD_CACHE in self._plugins

    def _find_session(self) -> Session:
        """The session of this job, or of the one that it resumes.

        Raises:
            Refusal: There is no such job, or nothing to resume it with.
        """
        session = Session.of(self._environment)
        resumed = self._environment.resume
        if resumed is None:
            return session
        what = f"NF_RESUME={resumed} is refused"
        if not self._cloud_cache:
            raise Refusal(f"{what}: this image has no plugin {plugin.CLOUD_CACHE}")
        place = record_of(resumed, self._environment.logs)
        with refusing(f"{what}: {place}, the record of that job, cannot be read", str(place)):
            text = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        try:
            name, folder = session_of(json.loads(text))
            return session.resuming(name, Location.parse(folder))
        except (KeyError, TypeError, ValueError):
            raise Refusal(f"{what}: {place} is no run.json of a head") from None

    def _announce(self, limit: int | None) -> None:
        """Tells what this run is, and nothing of the environment that could be a secret."""
        say(f"run {self._session.run_name}, session {self._session.id}")
        for line in (*printable(self._container), *arguments.notes(self._given)):
            say(line)
        if not self._cloud_cache:
            say(
                f"this image has no plugin {plugin.CLOUD_CACHE}: another attempt of this job will"
                " begin anew, as the tasks that are done are remembered in this container only"
            )
        if limit:
            say(f"memory: {limit} MiB, of which {self._heap} MiB are Nextflow's heap")

    def _make_record(self, earlier: Sequence[history.Attempt]) -> Record:
        return Record(
            self._reports.parent / "run.json",
            reports=self._reports,
            tasks=self._tasks,
            environment=self._environment,
            session=self._session,
            project=None if self._project is None else self._given[self._project],
            arguments=self._given,
            earlier=earlier,
        )

    def _at_hand(self) -> list[str]:
        """The arguments, with what they name in S3 replaced by local copies.

        Raises:
            Refusal: Something cannot be had.
        """
        given = files.stage(self._given, self._folder / "files", self._s3)
        if self._project is None:
            return given
        return project.bring(given, self._project, self._folder / "project", self._s3, say)

    def _configured_home(self) -> Path:
        """Nextflow's home, with the configuration of least precedence."""
        home = self._folder / "home"
        home.mkdir()
        text = configuration.render(
            self._environment,
            self._session,
            self._reports,
            self._heap,
        )
        for place in (home / "config", self._reports / "nextflow.config"):
            place.write_text(text)
        invocation.hand_over_git_secret(self._container, home)
        return home


def say(line: str) -> None:
    """Tells the user a line; standard output is Nextflow's."""
    print(f"nextflow-head: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
