"""What this machine can do for real, and what it can only rehearse."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local_aws import images, jobs
from local_aws.batch.process_runner import ProcessRunner
from local_aws.demo import official
from local_aws.network import usable_engine
from local_aws.rehearsal import core, distribution

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.batch.docker_runner import DockerRunner
    from local_aws.batch.runner import Runner

_DOCKERFILE = Path(__file__).resolve().parents[2] / "docker" / "nextflow" / "Dockerfile"


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """How the demo goes on this machine.

    Attributes:
        is_docker: Whether jobs run in containers.
        path: What the processes that stand in for containers find first on their PATH.
        build_arguments: Of the head image, for what cannot be had from where it usually comes.
        real: What is real, each in a few words.
        rehearsed: What is not, each in a few words with the reason.
        is_rehearsal: Whether the head replays what Nextflow would ask of AWS.
    """

    is_docker: bool
    path: Path | None = None
    build_arguments: dict[str, str] = field(default_factory=dict)
    real: list[str]
    rehearsed: list[str]
    is_rehearsal: bool

    def make_runner(
        self, state_dir: Path, *, is_equipped: bool = True
    ) -> DockerRunner | ProcessRunner:
        """Make what runs the jobs.

        Args:
            state_dir: The state folder of the local AWS.
            is_equipped: As for `jobs.make_runner`.
        """
        runner = jobs.make_runner(state_dir, docker=self.is_docker, is_equipped=is_equipped)
        self.lead(runner)
        return runner

    def lead(self, runner: Runner) -> None:
        """Lead the processes of a runner to what stands in for Nextflow, if something does."""
        if self.path and isinstance(runner, ProcessRunner):
            runner.environment["PATH"] = os.pathsep.join([str(self.path), os.environ["PATH"]])


def find(directory: Path, progress: Callable[[str], None]) -> Capabilities:
    """Look at the machine and prepare what the demo needs of it.

    Args:
        directory: Where what is made or fetched is kept.
        progress: Told, in a few words, what is going on.

    Raises:
        ImagesUnavailable: There is an engine, but no base image can be had.
    """
    if usable_engine():
        return _with_docker(directory, progress)
    return _with_processes(directory, progress)


def _with_docker(directory: Path, progress: Callable[[str], None]) -> Capabilities:
    found = images.ensure(progress)
    progress("checking Nextflow's release and plugins")
    refusal = official.refusal(official.arguments(_DOCKERFILE.read_text()))
    if refusal:
        return rehearse(directory, progress, refusal)
    lists = _docker_lists(found)
    return Capabilities(
        is_docker=True,
        build_arguments={"BASE_IMAGE": found.base},
        real=[*lists.real, "Nextflow and its plugins: the official distribution"],
        rehearsed=lists.rehearsed,
        is_rehearsal=False,
    )


def rehearse(directory: Path, progress: Callable[[str], None], why: str) -> Capabilities:
    """Prepare jobs in containers in which a rehearsal stands in for Nextflow.

    Args:
        directory: Where what is made or fetched is kept.
        progress: Told, in a few words, what is going on.
        why: Why the official Nextflow is not used.

    Raises:
        ImagesUnavailable: No base image can be had.
    """
    found = images.ensure(progress)
    progress("preparing the stand-in for Nextflow")
    libraries, core_lists = _core(directory, why)
    lists = _docker_lists(found)
    archive = distribution.build(directory / "distribution", libraries, found.task)
    return Capabilities(
        is_docker=True,
        build_arguments=images.with_distribution(found.base, archive),
        real=lists.real + core_lists.real,
        rehearsed=lists.rehearsed + core_lists.rehearsed,
        is_rehearsal=True,
    )


def _docker_lists(base_images: images.Images) -> _Lists:
    real = ["the head image: built from docker/nextflow, run by Docker", "every job: a container"]
    base = "the base image: Debian trixie built here, because no registry responds"
    return _Lists(real, [] if base_images.pulled else [base])


def _with_processes(directory: Path, progress: Callable[[str], None]) -> Capabilities:
    progress("preparing the stand-in for Nextflow")
    libraries, core_lists = _core(directory, "the plugin is only available in a head image")
    home = distribution.unpacked(directory / "nextflow", libraries)
    return Capabilities(
        is_docker=False,
        path=home / "bin",
        real=["the head's program", *core_lists.real],
        rehearsed=[
            "the head image: not built; jobs run as local processes, because no Docker engine"
            " responds (start one and run `make demo` again)",
            *core_lists.rehearsed,
        ],
        is_rehearsal=True,
    )


@dataclass(frozen=True)
class _Lists:
    real: list[str]
    rehearsed: list[str]


def _core(directory: Path, why: str) -> tuple[Path | None, _Lists]:
    """Nextflow's core, and what that means for the demo."""
    plugin = f"the AWS calls of its awsbatch plugin: replayed for hello, because {why}"
    try:
        libraries = core.fetch(directory / "core")
    except core.CoreUnavailable as reason:
        return None, _Lists([], [f"Nextflow itself: {reason}", plugin])
    real = (
        f"Nextflow's core {core.VERSION}: it runs hello, logs and reports; its tasks are Batch jobs"
    )
    return libraries, _Lists([real], [plugin])
