"""How the local AWS runs Batch jobs: in Docker containers, or as processes of this machine."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_aws import batch, worker_root
from local_aws.batch.docker_runner import DockerRunner
from local_aws.batch.process_runner import ProcessRunner
from local_aws.batch.runner import Runner
from local_aws.faults import FaultError, JobFaults


def make_runner(state_dir: Path, *, docker: bool) -> DockerRunner | ProcessRunner:
    """Makes what runs the jobs' containers.

    Args:
        state_dir: Where the folder that plays the workers' file system goes.
        docker: Whether there is a Docker engine to run them.
    """
    system = "linux" if docker else platform.system().lower()
    root = worker_root.prepare(state_dir / "worker", system)
    if not docker:
        return ProcessRunner(root)
    runner = DockerRunner(root)
    runner.remove_leftovers()
    return runner


def is_docker(runner: Runner) -> bool:
    """Returns whether a runner needs a Docker engine."""
    return isinstance(runner, DockerRunner)


class Jobs:
    """The jobs of a local AWS, from here on until `stop`.

    Args:
        runner: Runs their containers.
        endpoint: The URL at which containers reach the local AWS.
        agent: The URL at which they ask for their role's credentials.
    """

    def __init__(self, runner: Runner, endpoint: str, agent: str) -> None:
        self._runner = runner
        batch.install(runner, endpoint=endpoint, agent=agent)
        self.faults = JobFaults(reclaim_host=_reclaim_host, fail_pull=batch.fail_next_pull)

    def add_image(self, image: Mapping[str, Any]) -> None:
        """Tells a runner without images of its own what an image would run.

        Args:
            image: Its `name`, its build's `context` and its `entrypoint`; a program that lies in
                the build context runs from there.
        """
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
        raise FaultError(str(error)) from error
