"""Nextflow's part of an attempt: what it gets, and how often it is started."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from nextflow_head import (
    buckets,
    command,
    configuration,
    diagnosis,
    files,
    memory,
    nextflow_variables,
    orphans,
    plugin,
)
from nextflow_head.aws import Aws
from nextflow_head.command import Command
from nextflow_head.environment import Environment
from nextflow_head.origins import Origins
from nextflow_head.outcome import Outcome, State
from nextflow_head.plugin import Plugin
from nextflow_head.process import Process
from nextflow_head.report_upload import ReportUpload
from nextflow_head.run_folder import RunFolder
from nextflow_head.s3_access import S3Access
from nextflow_head.say import say
from nextflow_head.session import Session
from nextflow_head.task_folders import TaskFolders

#: Seconds before Nextflow is started again.
_PAUSES = (10, 20, 30)


class NextflowRun:
    """Runs Nextflow until it ends for a reason other than that AWS does not answer.

    Attributes:
        started: Whether Nextflow has been started.

    Args:
        process: Runs Nextflow.
        container: The container's environment.
        environment: The head's variables.
        session: The run's identity.
        command: What the user wants to run.
        folder: The files of the attempt.
        plugins: The plugins in the image, by name.
        aws: The AWS services.
    """

    def __init__(
        self,
        process: Process,
        container: Mapping[str, str],
        environment: Environment,
        *,
        session: Session,
        command: Command,
        folder: RunFolder,
        plugins: Mapping[str, Plugin],
        aws: Aws,
    ) -> None:
        self._process = process
        self._container = container
        self._environment = environment
        self._session = session
        self._command = command
        self._folder = folder
        self._plugins = plugins
        self._aws = aws
        self._limit = memory.limit()
        self._heap = memory.heap(self._limit) if self._limit else None
        self.started = False

    @property
    def notes(self) -> list[str]:
        """What this container means for the run, a line each."""
        lines = []
        if not self._cloud_cache:
            lines.append(
                f"this image has no plugin {plugin.CLOUD_CACHE}: another attempt of this job will"
                " start over: completed tasks are recorded only in this container"
            )
        if self._limit:
            lines.append(
                f"memory: {self._limit} MiB, of which {self._heap} MiB are Nextflow's heap"
            )
        return lines

    def run(self, upload: ReportUpload) -> Outcome:
        """Runs Nextflow, again if it gave up on a service that did not answer.

        Each SDK client of Nextflow repeats some hundred calls in a row, however many were allowed:
        enough for ten minutes of waiting for tasks, and for less while many are submitted.

        Args:
            upload: Uploads the reports, faster while Nextflow is being stopped.

        Raises:
            InputError: Something that the command names cannot be copied, or AWS stays away.
        """
        s3 = self._aws.client("s3")
        local = self._command.stage(
            self._folder.files,
            self._folder.project,
            folders=TaskFolders.of(self._environment),
            s3=s3,
            say=say,
        )
        self._configure()
        for pause in _PAUSES:
            outcome = self._run_once(local, upload)
            if outcome.state is not State.UNREACHABLE or not self._cloud_cache:
                return outcome
            say(outcome.line)
            say("Nextflow will be restarted, and will resume, as soon as AWS answers")
            self._process.rest()
            time.sleep(pause)
            self._wait_for_aws()
        return self._run_once(local, upload)

    @property
    def _cloud_cache(self) -> bool:
        return plugin.CLOUD_CACHE in self._plugins

    def _wait_for_aws(self) -> None:
        buckets.check(self._environment, self._aws.client("s3", attempts=100))
        batch = self._aws.client("batch", attempts=100)
        orphans.terminate(self._session, self._environment, batch, orphans.NEXT_HEAD_REPEATS)

    def _run_once(self, local: list[str], upload: ReportUpload) -> Outcome:
        def on_stop(signal: str) -> None:
            say(f"sent {signal} to Nextflow, which now cancels its tasks")
            upload.hurry()

        folder = self._folder
        origins = Origins.of(self._command.words, files.whole(local, Path.cwd()), folder.home)
        argv = command.argv(local, self._session, folder.log, resume=self._cloud_cache)
        variables = nextflow_variables.of(
            self._container,
            self._environment,
            self._session,
            folder.home,
            self._heap,
            plugins=self._plugins,
            tasks=folder.tasks,
            task_table=folder.task_table,
        )
        self.started = True
        ended = self._process.run(argv, variables, on_stop)
        s3 = S3Access(self._environment, partial(self._aws.client, "s3", attempts=2))
        return diagnosis.of(ended, folder.log, self._heap, origins, s3)

    def _configure(self) -> None:
        """Writes the configuration of least precedence and the credentials of Git hosts."""
        folder = self._folder
        text = configuration.render(self._environment, self._session, folder.reports, self._heap)
        for file in (folder.home / "config", folder.reports / "nextflow.config"):
            file.write_text(text)
        nextflow_variables.write_git_credentials(self._environment, folder.home)
