"""The head: one attempt of a Batch job, from its environment to its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from nextflow_head import (
    arguments,
    buckets,
    history,
    job_tags,
    orphans,
    plugin,
    resumption,
    session_lock,
)
from nextflow_head.aws import Aws, Client
from nextflow_head.command import Command
from nextflow_head.environment import Environment, printable
from nextflow_head.input_error import InputError
from nextflow_head.nextflow_run import NextflowRun
from nextflow_head.outcome import Outcome
from nextflow_head.process import Process, Stopped
from nextflow_head.record import Record
from nextflow_head.report_upload import ReportUpload
from nextflow_head.run_folder import RunFolder
from nextflow_head.say import say
from nextflow_head.task_folders import TaskFolders


def main(words: Sequence[str], container: Mapping[str, str]) -> int:
    """Runs Nextflow and returns the exit status of the head.

    Args:
        words: The container's arguments: those of `nextflow run`.
        container: The container's environment.
    """
    process = Process()
    try:
        return Head(process, words, container).run()
    except (InputError, Stopped) as error:
        outcome = _outcome(error)
    tagging = job_tags.put(outcome, container, say)
    tagging.join(job_tags.PATIENCE)
    say(outcome.line)
    return outcome.status


class Head:
    """One attempt.

    Args:
        process: Runs Nextflow.
        words: The container's arguments.
        container: The container's environment.

    Raises:
        InputError: The environment, the arguments or the session do not allow a run.
    """

    def __init__(
        self, process: Process, words: Sequence[str], container: Mapping[str, str]
    ) -> None:
        self._container = container
        self._environment = Environment.read(container)
        self._aws = Aws(self._environment.region, self._environment.endpoint)
        self._s3: Client = self._aws.client("s3")
        folders = TaskFolders.of(self._environment)
        folders.check_variables(container)
        buckets.check(self._environment, self._s3)
        self._command = Command.of(words, self._environment, folders, self._s3)
        plugins = plugin.baked(container)
        self._session = resumption.session(
            self._environment, self._s3, cloud_cache=plugin.CLOUD_CACHE in plugins
        )
        self._folder = RunFolder(self._session, self._environment.attempt)
        self._nextflow = NextflowRun(
            process,
            container,
            self._environment,
            session=self._session,
            command=self._command,
            folder=self._folder,
            plugins=plugins,
            aws=self._aws,
        )
        self._announce()

    def run(self) -> int:
        """Runs the attempt, keeps its logs, prints its outcome and returns the exit status.

        Raises:
            InputError: Logs cannot be kept, or Batch does not name the earlier attempts.
        """
        session = self._session
        job_tags.claim(self._container, say)
        self._folder.create()
        batch = self._aws.client("batch")
        record = self._begin_record(batch)
        upload = ReportUpload(
            self._folder.uploads,
            session.record.parent,
            connect=partial(self._aws.client, "s3", attempts=8),
            refresh=record.refresh,
            say=say,
        )
        with upload:
            outcome = self._attempt(upload, batch)
            record.end(outcome)
            tagging = job_tags.put(outcome, self._container, say)
        tagging.join(job_tags.PATIENCE)
        stored = "are" if upload.complete else "could not be stored"
        say(f"logs and reports {stored} in {session.logs}")
        say(outcome.line or "the pipeline succeeded")
        return outcome.status

    def _begin_record(self, batch: Client) -> Record:
        job = self._environment.job_id
        earlier = history.of(job, batch) if self._environment.attempt > 1 else []
        for attempt in earlier:
            say(str(attempt))
        record = Record(
            self._folder,
            environment=self._environment,
            session=self._session,
            project=self._command.project,
            arguments=self._command.words,
            earlier=earlier,
        )
        record.begin(self._s3)
        return record

    def _attempt(self, upload: ReportUpload, batch: Client) -> Outcome:
        try:
            if session_lock.take(self._session, self._environment.job_id, self._s3, batch):
                count = orphans.terminate(
                    self._session, self._environment, batch, orphans.NEXT_HEAD_REPEATS
                )
                say(f"terminated {count} tasks that an earlier attempt left running")
            outcome = self._nextflow.run(upload)
        except (InputError, Stopped) as error:
            outcome = _outcome(error)
        if (
            self._nextflow.started
            and outcome.status
            and not self._command.keeps_tasks(self._container)
        ):
            self._terminate_orphans()
        return outcome

    def _terminate_orphans(self) -> None:
        """Ends the tasks that Nextflow did not, as when its memory ran out; usually none."""
        batch = self._aws.client("batch", attempts=8)
        try:
            count = orphans.terminate(
                self._session, self._environment, batch, orphans.HEAD_HAS_ENDED
            )
        except InputError as error:
            for line in error.lines:
                say(line)
            return
        if count:
            say(f"terminated {count} tasks that Nextflow left running")

    def _announce(self) -> None:
        """Prints what this run is, and nothing of the environment that could be a secret."""
        say(f"run {self._session.run_name}, session {self._session.id}")
        lines = (
            *printable(self._container),
            *arguments.notes(self._command.words),
            *self._nextflow.notes,
        )
        for line in lines:
            say(line)


def _outcome(error: InputError | Stopped) -> Outcome:
    """The outcome of an error. It has the last line; the lines before are printed."""
    if isinstance(error, InputError):
        for line in error.lines[:-1]:
            say(line)
    return error.outcome
