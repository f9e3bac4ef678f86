"""The files of an attempt in the head's container."""

from __future__ import annotations

import shutil
from pathlib import Path

from nextflow_head.session import Session


class RunFolder:
    """The folder of a session.

    Paths of projects and configuration enter the hashes of tasks: they are the same for all
    attempts of a session, or completed tasks would run again.

    Args:
        session: The session.
        attempt: Which attempt of the job this is.
    """

    def __init__(self, session: Session, attempt: int) -> None:
        self.path = Path.cwd() / ".nextflow-head" / session.id
        self._attempt = attempt

    def create(self) -> None:
        """Creates it, without what an earlier run has left."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.reports.mkdir(parents=True)
        self.home.mkdir()

    @property
    def uploads(self) -> Path:
        """What is uploaded beside the job's run.json, which is in it."""
        return self.path / "uploads"

    @property
    def record(self) -> Path:
        """The job's run.json."""
        return self.uploads / "run.json"

    @property
    def reports(self) -> Path:
        """This attempt's log and reports."""
        return self.uploads / f"a{self._attempt}"

    @property
    def log(self) -> Path:
        """Nextflow's own log."""
        return self.reports / ".nextflow.log"

    @property
    def home(self) -> Path:
        """Nextflow's home."""
        return self.path / "home"

    @property
    def files(self) -> Path:
        """Local copies of parameters and configuration."""
        return self.path / "files"

    @property
    def project(self) -> Path:
        """The local copy of the project."""
        return self.path / "project"

    @property
    def task_table(self) -> Path:
        """The report in which the head's plugin lists the tasks that have ended."""
        return self.reports / "tasks.tsv"

    @property
    def tasks(self) -> Path:
        """The file in which the head's plugin counts tasks."""
        return self.path / "tasks.json"
