"""Deploys the workshop's settings onto a local AWS, runs `hello` there and says what was real."""

from __future__ import annotations

import fcntl
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from assets.go_program import AWS_CLIENT, TASK_S3, BuildError
from local_aws import jobs
from local_aws.cdk import Cdk, CdkError
from local_aws.demo import capabilities, tour
from local_aws.demo.display import Display
from local_aws.demo.jobs import Jobs, Outcome
from local_aws.demo.summary import summarize
from local_aws.errors import LocalAwsError
from local_aws.server import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws.demo.display import Step

_APP = Path(__file__).resolve().parents[2]
_DIRECTORY = _APP / "build" / "demo"
_CONTEXT = {"settings": "workshop"}
#: What docker/nextflow/install-nextflow.sh says when the image's build has to end.
_INSTALL_FAILED = re.compile(r"install-nextflow: (\S.*?)\s*$", re.MULTILINE)
#: Literally as the workshop prints it; the AWS CLI, 155 MB, is not installed for the demo.
SUBMIT = (
    "aws batch submit-job --job-name nf-hello --job-queue default"
    " --job-definition nextflow --container-overrides command=hello"
)
#: The same, as the API takes it.
SUBMISSION = {
    "jobName": "nf-hello",
    "jobQueue": "default",
    "jobDefinition": "nextflow",
    "containerOverrides": {"command": ["hello"]},
}


def main() -> int:
    """Run the demo; returns the exit code."""
    display = Display()
    # A closed terminal or `kill` must end jobs and network as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with _alone():
            outcome = _run(display)
    except (BuildError, LocalAwsError, TimeoutError) as error:
        display.console.print(str(error), style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        display.console.print("Stopped; nothing is left running.")
        return 130
    return 0 if outcome.state == "SUCCEEDED" else 1


def _run(display: Display) -> Outcome:
    state = _DIRECTORY / "state"
    shutil.rmtree(state, ignore_errors=True)
    with ExitStack() as stack:
        with display.together() as work:
            programs = work.start("Building the workers' programs (Go)", _build)
            command_line = work.start("Installing the cdk CLI (npm)", _install_cdk)
            machine = work.start("Checking this machine", _look).result()
            runner = machine.make_runner(state, is_equipped=False)
            aws = stack.enter_context(LocalAws(runner=runner, state_dir=state))
            command_line.result()
            work.start("Bootstrapping the account (cdk bootstrap)", partial(_bootstrap, aws))
            programs.result()
        jobs.equip(runner)
        with display.step("Deploying the workshop's settings (cdk deploy)") as step:
            machine = _deploy(step, aws, machine)
        submitted = Jobs(aws)
        display.console.print(f"\n[bold]$ {SUBMIT}[/]")
        job_id = _submit(aws)
        with display.step("Running hello") as step:
            for lines in submitted.follow(job_id):
                step.jobs = lines
            step.detail = f"{len(step.jobs)} jobs"
        outcome = submitted.outcome(job_id)
        tour.show(display.console, aws, _DIRECTORY / "hello.html")
        summarize(display.console, aws, outcome, machine)
    return outcome


def _build(step: Step) -> None:
    """Build what tasks here use; what the deployment wants besides, it builds."""
    for program in (TASK_S3, AWS_CLIENT):
        program.here(progress=lambda text: _tell(step, text))


def _install_cdk(_: Step) -> None:
    result = subprocess.run(
        [sys.executable, str(_APP / "installation.py"), "cdk"],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise LocalAwsError(result.stderr.strip())


def _look(step: Step) -> capabilities.Capabilities:
    machine = capabilities.find(_DIRECTORY, lambda text: _tell(step, text))
    step.detail = f"jobs run as {'simulated ' if machine.is_rehearsal else ''}{_kind(machine)}"
    return machine


def _bootstrap(aws: LocalAws, step: Step) -> None:
    Cdk(aws, _APP, say=_Counter(step).hear).bootstrap()
    step.detail = aws.endpoint


def _deploy(
    step: Step, aws: LocalAws, machine: capabilities.Capabilities
) -> capabilities.Capabilities:
    """Deploy; without the official Nextflow, if it turns out not to be available after all.

    Returns:
        How the demo goes on.
    """
    counted = _Counter(step)
    try:
        Cdk(aws, _APP, environment=machine.build_arguments, say=counted.hear).deploy(
            context=_CONTEXT
        )
    except CdkError as error:
        reasons = _INSTALL_FAILED.findall(error.output)
        if machine.is_rehearsal or not reasons:
            raise
        machine = capabilities.rehearse(_DIRECTORY, partial(_tell, step), reasons[-1])
        return _deploy(step, aws, machine)
    step.detail = f"{counted.made} resources in {counted.stacks} stacks"
    return machine


class _Counter:
    """Counts what a deploy makes from what the cdk command line says."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.made = 0
        self.stacks = 0

    def hear(self, line: str) -> None:
        if found := re.search(r"CREATE_COMPLETE\s*\|\s*(AWS::\S+)", line):
            if found[1] == "AWS::CloudFormation::Stack":
                self.stacks += 1
            else:
                self.made += 1
            self._step.detail = f"{self.made} resources, {found[1]}"
        elif line.startswith(("Step ", "#")):
            self._step.detail = line


def _submit(aws: LocalAws) -> str:
    try:
        submitted: str = aws.client("batch").submit_job(**SUBMISSION)["jobId"]
    except ClientError as error:
        raise LocalAwsError(f"the job could not be submitted: {error}") from None
    return submitted


def _tell(step: Step, text: str) -> None:
    step.detail = text


def _kind(machine: capabilities.Capabilities) -> str:
    return "containers" if machine.is_docker else "processes"


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse to run beside another demo of this checkout."""
    _DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (_DIRECTORY / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalAwsError(
                "Another `make demo` of this folder is running: wait for it or stop it."
            ) from None
        yield


if __name__ == "__main__":
    raise SystemExit(main())
