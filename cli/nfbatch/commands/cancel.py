"""`nfbatch cancel`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nfbatch import deployment, log_stream, options, output, record, run, tasks
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run

_REASON = "cancelled by nfbatch"
_POLL_SECONDS = 2.0
#: Batch kills a container 30 s after it asked it to stop; the head uses the time for its tasks.
_PATIENCE_SECONDS = 180
_THREADS = 8


def cancel(
    *,
    name: options.RunName,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Stop a run and its tasks, and check that none is left.

    [bold]Example[/]
    $ nfbatch cancel rnaseq-x7k2
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    if head.has_ended:
        output.say(f"{head.name} has ended already, as {head.state}")
    else:
        aws.client("batch").terminate_job(jobId=head.id, reason=_REASON)
        output.say(f"{head.name} is being stopped; it stops its tasks")
        head = _wait(aws, head)
    count = _stop_tasks(aws, target, head)
    if count:
        output.say(f"stopped {count} tasks that the head had left")
    if as_json:
        output.print_json({**head.as_json(), "tasks_stopped": count})
        return
    print(f"{head.name} is {head.state}, and none of its tasks is left")


def _wait(aws: Aws, head: Run) -> Run:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not head.has_ended:
        if time.monotonic() > deadline:
            raise NfbatchError(
                Kind.UNREACHABLE,
                f"{head.name} has not ended after {_PATIENCE_SECONDS} seconds: run `nfbatch cancel"
                f" {head.name}` again to check it",
            )
        time.sleep(_POLL_SECONDS)
        head = log_stream.refreshed(aws, head)
    return head


def _stop_tasks(aws: Aws, target: Deployment, head: Run) -> int:
    """Stops the tasks that are left; usually there are none.

    Returns:
        How many there were.
    """
    known = record.read(aws, head.logs(target))
    batch = aws.client("batch")
    stopped: set[str] = set()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left := tasks.alive(aws, target, head, known):
        # A task that was terminated has 30 s to end.
        new = {job["jobId"] for job in left if not job.get("isTerminated")} - stopped
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda job: batch.terminate_job(jobId=job, reason=_REASON), new))
        stopped |= new
        if time.monotonic() > deadline:
            raise NfbatchError(
                Kind.UNREACHABLE,
                f"{len(left)} tasks of {head.name} have not ended after {_PATIENCE_SECONDS}"
                f" seconds: run `nfbatch cancel {head.name}` again to check them",
            )
        time.sleep(_POLL_SECONDS)
    return len(stopped)
