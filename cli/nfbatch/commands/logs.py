"""`nfbatch logs`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import deployment, log_stream, options, output, record, run, task_files, tasks
from nfbatch.error import Kind, NfbatchError
from nfbatch.s3_uri import S3Uri
from nfbatch.task_files import TaskFiles

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run
    from nfbatch.tasks import Task

_SHOWN = 5


def logs(
    *,
    name: options.RunName = "-",
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help="Show this task instead of the head: its name, hash (ab/cdef01) or job id, or the"
            " beginning of one.",
            show_default=False,
        ),
    ] = None,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Show script, errors and exit status of failed tasks."),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what is new until it has ended.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Show the log of a run, or of one of its tasks.

    [bold]Examples[/]
    $ nfbatch logs -f
    $ nfbatch logs rnaseq-x7k2 --failed
    $ nfbatch logs rnaseq-x7k2 'ALIGN (sample 7)'
    """
    if follow and (failed or as_json):
        other = "--failed" if failed else "--json"
        raise NfbatchError(Kind.BAD_INPUT, f"--follow is not allowed together with {other}")
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    of_run = _Tasks(aws, target, head)
    chosen = head if task is None else None if failed else of_run.living(task)
    if chosen is None or failed:
        found = of_run.failed if failed else [of_run.ended_one(task or "")]
        _show_files(of_run, found, errors_only=failed, as_json=as_json)
    elif follow:
        conclude(log_stream.follow(aws, chosen, print))
    else:
        lines: list[str] = []
        log_stream.Log(aws).show(chosen.job, lines.append if as_json else print)
        if as_json:
            output.print_json({**chosen.as_json(), "lines": lines})


def conclude(ended: Run) -> None:
    """Says how a run or a task ended.

    Raises:
        NfbatchError: It failed.
    """
    took = output.duration(ended.milliseconds)
    if ended.state == "SUCCEEDED":
        output.say(f"{ended.name} succeeded after {took}")
        return
    reason = f": {ended.reason}" if ended.reason else ""
    raise NfbatchError(Kind.RUN_FAILED, f"{ended.name} ended as {ended.state}{reason}")


@dataclass(frozen=True)
class _Tasks:
    """The tasks of a run."""

    aws: Aws
    target: Deployment
    head: Run

    @cached_property
    def record(self) -> dict[str, Any]:
        found = record.read(self.aws, self.head.logs(self.target))
        if found is None:
            raise NfbatchError(
                Kind.NOT_FOUND,
                f"{self.head.name} is {self.head.state} and has no tasks yet: `nfbatch logs"
                f" {self.head.name}` shows its own log",
            )
        return found

    @cached_property
    def ended(self) -> list[Task]:
        return [
            task
            for attempt in self.record["attempts"]
            for task in tasks.ended(self.aws, S3Uri.parse(attempt["logs"]))
        ]

    @property
    def failed(self) -> list[Task]:
        return [task for task in self.ended if task.status == "FAILED"]

    def living(self, name: str) -> Run | None:
        """The job of a task that has not ended; None if there is none of this name."""
        if self.head.has_ended:
            return None
        alive = tasks.alive(self.aws, self.target, self.head, self.record)
        found = tasks.matching_jobs(alive, name)
        if len(found) > 1:
            raise _several(name, [f"{job['jobName']} ({job['jobId'][:8]})" for job in found])
        return run.Run(found[0]) if found else None

    def ended_one(self, name: str) -> Task:
        """The task of this name that has ended; of several executions the last one."""
        found = {task.name: task for task in tasks.matching(self.ended, name)}
        if len(found) > 1:
            raise _several(name, [f"{task.name} ({task.hash})" for task in found.values()])
        if not found:
            raise NfbatchError(
                Kind.NOT_FOUND,
                f"{self.head.name} has no task {name!r}: its log names those that were submitted",
            )
        return next(iter(found.values()))

    def files(self, task: Task) -> TaskFiles | None:
        """What a task that has ended has left; None if its work directory is gone."""
        work = tasks.work_directory(self.target, self.head, self.record)
        folder = task_files.folder_of_hash(self.aws, work, task.hash)
        return TaskFiles.read(self.aws, folder) if folder else None


def _several(name: str, found: list[str]) -> NfbatchError:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return NfbatchError(
        Kind.NOT_FOUND,
        f"{name!r} is the name of several tasks: choose one of {', '.join(found[:_SHOWN])}{more}",
    )


def _show_files(of_run: _Tasks, found: list[Task], *, errors_only: bool, as_json: bool) -> None:
    """Shows what tasks that have ended have left in their work directories."""
    files = [(task, of_run.files(task)) for task in found]
    if as_json:
        entries = [{**task.as_json(), "files": each and each.as_json()} for task, each in files]
        output.print_json({"tasks": entries})
        return
    if not found:
        output.say(f"no task of {of_run.head.name} has failed")
    for task, each in files:
        print(f"==> {task.name}: {task.status}, exit status {task.exit}, job {task.job}")
        if each is None:
            print("its work directory does not exist any more")
            continue
        print(f"work directory: {each.folder}")
        shown = each.errors if errors_only else each.log
        titles = ("script", each.script), ("errors" if errors_only else "output", shown)
        for title, text in titles:
            print(f"--- {title}")
            print(text or "(none)")
        print()
