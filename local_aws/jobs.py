"""How the local AWS runs Batch jobs: in Docker containers, or as processes of this machine."""

import atexit
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_aws import batch, worker_root
from local_aws.batch.agent import Authorize
from local_aws.batch.docker_runner import DockerRunner
from local_aws.batch.process_runner import ProcessRunner
from local_aws.batch.runner import Container, ContainerSpec, Runner
from local_aws.errors import RequestError
from local_aws.faults import JobFaults


def make_runner(
    state_dir: Path, *, docker: bool, is_equipped: bool = True
) -> DockerRunner | ProcessRunner:
    """Makes what runs the jobs' containers.

    Args:
        state_dir: Where the folder that plays the workers' file system goes.
        docker: Whether there is a Docker engine to run them.
        is_equipped: Whether that folder is filled now; otherwise `equip` has to be called before
            the first job.
    """
    runner = Containers(_folder(state_dir)) if docker else ProcessRunner(_folder(state_dir))
    if is_equipped:
        equip(runner)
    if isinstance(runner, DockerRunner):
        runner.remove_leftovers()
    return runner


def _folder(state_dir: Path) -> Path:
    """The folder that plays the workers' file system."""
    folder = (state_dir / "worker").absolute()
    if re.fullmatch(r"[\w./+-]+", str(folder)):
        return folder
    # Nextflow writes paths of a worker into scripts as they are, and a worker's have no blanks.
    temporary = tempfile.mkdtemp(prefix="local-aws-worker-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary)


def equip(runner: DockerRunner | ProcessRunner) -> None:
    """Puts what tasks use of a worker into the runner's folder, and builds it if need be."""
    system = "linux" if isinstance(runner, DockerRunner) else platform.system().lower()
    worker_root.prepare(runner.worker_root, system)


def is_docker(runner: Runner) -> bool:
    """Returns whether a runner needs a Docker engine."""
    return isinstance(runner, DockerRunner)


class Containers(DockerRunner):
    """Runs jobs in containers, of the images that were pushed to this local AWS.

    Attributes:
        images: The engine's name of each, by the name that it was pushed under.
    """

    def __init__(self, worker_root: Path) -> None:
        super().__init__(worker_root)
        self.images: dict[str, str] = {}

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        """Start the job's container; see `Runner`."""
        image = self.images.get(spec.image, spec.image)
        return super().start(replace(spec, image=image), on_line)


class JobEngine:
    """The jobs of a local AWS, from here on until `stop`.

    Args:
        runner: Runs their containers.
        endpoint: The URL at which containers reach the local AWS.
        agent: The URL at which they ask for their role's credentials.
        authorize: Decides about the ECS agent's own calls.
    """

    def __init__(
        self, runner: Runner, endpoint: str, agent: str, authorize: Authorize | None = None
    ) -> None:
        self._runner = runner
        batch.install(runner, endpoint=endpoint, agent=agent, authorize=authorize)
        self.faults = JobFaults(reclaim_host=_reclaim_host, fail_pull=batch.fail_next_pull)

    def add_image(self, image: Mapping[str, Any]) -> None:
        """Tells the runner what an image that was pushed is here.

        Args:
            image: Its `name`, and with an engine the `image` there; without one its build's
                `context` and its `entrypoint`, and a program that lies in the build context runs
                from there.
        """
        if isinstance(self._runner, Containers):
            self._runner.images[image["name"]] = image["image"]
        if not isinstance(self._runner, ProcessRunner) or not image["entrypoint"]:
            return
        program, *arguments = image["entrypoint"]
        in_context = Path(image["context"]) / program
        started = [str(in_context) if in_context.is_file() else program, *arguments]
        self._runner.entrypoints[image["name"]] = started

    def stop(self) -> None:
        """Ends what still runs."""
        batch.reset()
        if isinstance(self._runner, DockerRunner):
            self._runner.close()


def _reclaim_host(job: str) -> None:
    try:
        batch.reclaim_host(job)
    except LookupError as error:
        raise RequestError(str(error)) from error
