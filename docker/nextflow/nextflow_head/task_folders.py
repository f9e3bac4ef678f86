"""The folders in S3 that tasks may write, from which the head runs nothing.

Whatever the head reads as code, configuration or its own state runs with the head's role. So none
of it may be where a task could have written it: docs/adr/0019-what-a-task-cannot-write.md
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextflow_head import options
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri

if TYPE_CHECKING:
    from nextflow_head.environment import Environment

#: Where Nextflow puts work directories.
_WORK = ("-w", "-work-dir", "-bucket-dir")
#: What Nextflow writes and never reads.
_WRITTEN = (
    *("-with-dag", "-with-report", "-with-timeline", "-with-trace"),
    *("-o", "-output-dir", "-with-weblog"),
)
#: nf-core's parameter for a folder of configuration:
#: https://nf-co.re/docs/usage/configuration
_CONFIGURATION_PARAMETER = "custom_config_base"
_IN_PARAMETERS = re.compile(rf"\b{_CONFIGURATION_PARAMETER}\b[\"']?\s*[:=]\s*[\"']?([^\s\"',}}]+)")


@dataclass(frozen=True)
class TaskFolders:
    """The folders.

    Attributes:
        work: That of work directories (NF_WORKDIR).
        stores: The others (NF_STORE_DIRS).
    """

    work: S3Uri
    stores: tuple[S3Uri, ...] = ()

    @classmethod
    def of(cls, environment: Environment) -> TaskFolders:
        """Those of a deployment.

        Raises:
            InputError: The head's own state would be in one of them.
        """
        folders = cls(environment.work, environment.stores)
        folders.refuse(f"NF_LOGSDIR={environment.logs}", str(environment.logs))
        return folders

    def refuse(self, setting: str, address: str) -> None:
        """Refuses an address that a task could have written, or that contains one.

        Args:
            setting: Who names it: "-params-file s3://…".
            address: The address, of a file or a folder. One that is not in S3 is fine.

        Raises:
            InputError: A task could have written it.
        """
        if not S3Uri.is_meant(address):
            return
        found = _steps(address)
        for folder in (self.work, *self.stores):
            steps = _steps(str(folder))
            shorter = min(len(found), len(steps))
            if found[:shorter] == steps[:shorter]:
                where = "it is in" if len(found) >= len(steps) else "it contains"
                raise InputError(
                    f"{setting} is not allowed: {where} {folder}, where tasks can write; the head"
                    " runs only what no task could have written: copy it to another folder"
                )

    def check_arguments(self, arguments: Sequence[str], project: int | None) -> None:
        """Refuses arguments that let Nextflow run what a task could have written.

        Args:
            arguments: The arguments of `nextflow run`.
            project: Which of them is the project.

        Raises:
            InputError: One of them does, or puts work where no task may write.
        """
        if project is not None:
            self.refuse(f"the project {arguments[project]}", arguments[project].strip())
        for option in options.read(arguments).options:
            if option.value is not None:
                self._check_option(option.name, option.value.text)

    def check_variables(self, container: Mapping[str, str]) -> None:
        """Refuses variables of Nextflow that name what a task could have written.

        Args:
            container: The container's environment.

        Raises:
            InputError: One of them does.
        """
        for name, value in sorted(container.items()):
            if name.startswith("NXF_") and name not in ("NXF_WORK", "NXF_TEMP"):
                self.refuse(f"{name}={value}", value)

    def check_parameters(self, content: str, file: str) -> None:
        """Refuses a file of parameters that names configuration which a task could have written.

        Args:
            content: The file's text.
            file: Its name.

        Raises:
            InputError: It does.
        """
        for found in _IN_PARAMETERS.finditer(content):
            self.refuse(f"{_CONFIGURATION_PARAMETER} {found[1]} in {file}", found[1])

    def _check_option(self, name: str, value: str) -> None:
        if name in _WORK:
            self._check_work(name, value)
        elif name == "--":
            parameter, _, address = value.partition("=")
            if parameter == _CONFIGURATION_PARAMETER:
                self.refuse(f"--{parameter} {address}", address)
        elif name not in (*_WRITTEN, *options.DYNAMIC):
            for address in value.split(","):
                self.refuse(f"{name} {address.strip()}", address.strip())

    def _check_work(self, option: str, address: str) -> None:
        steps, work = _steps(address), _steps(str(self.work))
        inside = steps[len(work) :]
        # Nextflow itself refuses what is not in S3.
        if S3Uri.is_meant(address) and (steps[: len(work)] != work or "work" not in inside[1:]):
            raise InputError(
                f"{option} {address} is not allowed: tasks can write only below"
                f" {self.work}/NAME/work; leave {option} out, or choose such a folder"
            )


def _steps(address: str) -> list[str]:
    """Bucket and folders, as the most lenient reader takes them: s3:///b/./a is s3://b/a."""
    path = re.sub(r"(?i)^s3:/*", "/", address.strip())
    return [step for step in posixpath.normpath(path).split("/") if step]
