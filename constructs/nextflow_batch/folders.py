"""Where the objects of a deployment are in its bucket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Folders:
    """The folders below the prefix, without a slash at either end.

    Tasks write in `runs` and nowhere else, heads everywhere. What a head reads back as code or
    state is therefore never in `runs`: docs/adr/0019-what-a-task-cannot-write.md

    Attributes:
        prefix: Above all of them.
    """

    prefix: str

    @property
    def runs(self) -> str:
        """Work directories (NF_WORKDIR)."""
        return f"{self.prefix}/runs"

    @property
    def logs(self) -> str:
        """Logs, reports and run.json of each run (NF_LOGSDIR)."""
        return f"{self.prefix}/logs"

    @property
    def sessions(self) -> str:
        """Task caches and locks; the head derives it from NF_LOGSDIR."""
        return f"{self.logs}/sessions"

    @property
    def uploads(self) -> str:
        """What users launch: projects, parameters, configuration."""
        return f"{self.prefix}/launch"

    @property
    def work_files(self) -> str:
        """All objects of work directories, as IAM matches them."""
        return f"{self.runs}/*/work/*"
