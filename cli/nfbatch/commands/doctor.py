"""`nfbatch doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import deployment, options, output, record, run, tasks
from nfbatch.doctor import diagnosis, examination
from nfbatch.doctor.question import Questions
from nfbatch.error import Kind, NfbatchError
from nfbatch.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.doctor.cause import Finding
    from nfbatch.doctor.question import Unchecked
    from nfbatch.run import Run


def doctor(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|JOB",
            help="Say why this run or job does not start, or why it failed: a run's name or id, or"
            " the id of any job; - is the last run.",
            show_default=False,
        ),
    ] = None,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> int:
    """Check the deployment, or say in one sentence why a job does not start or failed.

    Each finding has its id, what mends it, and a link; docs/doctor.md lists them. What your
    credentials may not ask AWS is not checked, and named. The exit status is 1 if something has to
    be done.

    [bold]Examples[/]
    $ nfbatch doctor
    $ nfbatch doctor rnaseq-x7k2
    $ nfbatch doctor --json 0b3ba3b5-3b6c-4a51-9d13-0d2f0f3f2c11
    """
    aws = options.connect(profile, region)
    site = Site(aws, deployment.find(aws, deployment_name))
    if name is None:
        return _examine(site, as_json=as_json)
    questions = Questions(site)
    job = _job(site, name)
    found = diagnosis.diagnose(questions, job)
    if found is None and job["status"] == "RUNNING" and run.is_head(job, site.deployment):
        job, found = _waiting_task(questions, run.Run(job))
    if as_json:
        output.print_json(
            {
                "job": {key: job[key] for key in ("jobId", "jobName", "status")},
                "finding": found and found.as_json(),
                "not_checked": [each.as_json() for each in questions.unchecked],
            }
        )
    elif found is None:
        print(f"{job['jobName']} is {job['status']}: nothing is wrong with it")
    else:
        _print([found], questions.unchecked)
    return Kind.RUN_FAILED if found and found.is_problem else 0


def _examine(site: Site, *, as_json: bool) -> int:
    done = examination.examine(site)
    if as_json:
        output.print_json({"deployment": site.deployment.name, **done.as_json()})
    else:
        _print(done.findings, done.unchecked)
        checked = len(done.passed)
        print(f"{checked} of {len(examination.CHECKS)} checks of {site.deployment.name} passed")
    return Kind.RUN_FAILED if done.has_problems else 0


def _job(site: Site, name: str) -> dict[str, Any]:
    """The job that a user means: a run, or any job of the deployment's queues by its id."""
    plain = name.partition(":")[0]
    if not run.JOB_ID.fullmatch(plain):
        return run.find(site.aws, site.deployment, name).job
    found = run.describe(site.aws, [name])
    if not found:
        raise NfbatchError(
            Kind.NOT_FOUND, f"Batch knows no job {name}: it forgets a job seven days after its end"
        )
    return found[0]


def _waiting_task(questions: Questions, head: Run) -> tuple[dict[str, Any], Finding | None]:
    """Of a run's tasks, the one that waits longest, and why."""
    site = questions.site
    known = record.read(site.aws, head.logs(site.deployment))
    living = tasks.alive(site.aws, site.deployment, head, known)
    waiting = [job for job in living if job["status"] == "RUNNABLE"]
    if not waiting:
        return head.job, None
    oldest = min(waiting, key=lambda job: int(job["createdAt"]))
    return oldest, diagnosis.diagnose(questions, oldest)


def _print(findings: Sequence[Finding], unchecked: Sequence[Unchecked]) -> None:
    from rich.text import Text  # noqa: PLC0415 - takes time to import

    printer = output.console()
    for each in findings:
        text = Text("PROBLEM " if each.is_problem else "note    ", style="bold")
        text.stylize("red" if each.is_problem else "cyan")
        text.append(f"{each.id}: ", style="bold not red not cyan")
        text.append(f"{each.sentence}\n        what to do: {each.remedy}\n        {each.link}")
        printer.print(text)
    for missed in unchecked:
        printer.print(Text(f"not checked: {missed.what}: {missed.why}", style="yellow"))
