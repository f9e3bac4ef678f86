"""The command line of Nextflow: from the job's command to the argv that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextflow_head import arguments, files, options, project
from nextflow_head.aws import Client
from nextflow_head.environment import Environment
from nextflow_head.session import Session
from nextflow_head.task_folders import TaskFolders


@dataclass(frozen=True)
class Command:
    """What the user wants Nextflow to run.

    Attributes:
        words: The arguments of `nextflow run`, as the user wrote them.
        project_index: Which of them names the project; None if only help is asked for.
    """

    words: tuple[str, ...]
    project_index: int | None

    @classmethod
    def of(
        cls, words: Sequence[str], environment: Environment, folders: TaskFolders, s3: Client
    ) -> Command:
        """Reads and checks the command of the job.

        Args:
            words: The container's arguments.
            environment: The head's variables, which may name a file with more.
            folders: Where tasks may write.
            s3: The client.

        Raises:
            InputError: Nextflow could not run them, or must not.
        """
        everything = list(words)
        if environment.arguments:
            folders.refuse(f"NF_ARGUMENTS={environment.arguments}", str(environment.arguments))
            everything += arguments.from_file(environment.arguments, s3)
        project_index = arguments.project(everything)
        folders.check_arguments(everything, project_index)
        return cls(tuple(everything), project_index)

    @property
    def project(self) -> str | None:
        """The project, as the user named it."""
        return None if self.project_index is None else self.words[self.project_index]

    def keeps_tasks(self, container: Mapping[str, str]) -> bool:
        """Whether the user wants tasks to continue when Nextflow ends before them.

        https://www.nextflow.io/docs/latest/reference/env-vars.html

        Args:
            container: The container's environment.
        """
        return "-disable-jobs-cancellation" in self.words or bool(
            container.get("NXF_DISABLE_JOBS_CANCELLATION")
        )

    def stage(
        self,
        copies: Path,
        project_copy: Path,
        *,
        folders: TaskFolders,
        s3: Client,
        say: Callable[[str], None],
    ) -> list[str]:
        """Copies what the words name in S3, and returns the words with the copies in its place.

        Args:
            copies: The folder for files of parameters and configuration.
            project_copy: The folder for the project.
            folders: Where tasks may write.
            s3: The client.
            say: Prints a line for the user.

        Raises:
            InputError: Something cannot be copied.
        """
        local = files.stage(self.words, copies, s3)
        for option in options.read(local).find("-params-file"):
            if option.value and option.value.at is not None:
                file = Path(option.value.text)
                content = file.read_text(errors="replace") if file.is_file() else ""
                folders.check_parameters(content, self.words[option.value.at])
        if self.project_index is None:
            return local
        return project.bring(local, self.project_index, project_copy, s3, say)


def argv(local: Sequence[str], session: Session, log: Path, *, resume: bool) -> list[str]:
    """The argv of Nextflow; the user's words are last, each as it was written.

    Args:
        local: The words, with local copies of what they name in S3.
        session: The run's identity.
        log: The file for Nextflow's own log.
        resume: Whether to resume the session.
    """
    words = arguments.resuming(local, session.id) if resume else list(local)
    # Nextflow accepts it only once.
    name = [] if "-name" in words else ["-name", session.run_name]
    return ["nextflow", "-log", str(log), "run", *name, *words]
