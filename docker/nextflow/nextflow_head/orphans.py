"""Orphans: tasks that Nextflow did not end when it ended, and that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from nextflow_head.aws import aws_errors

if TYPE_CHECKING:
    from nextflow_head.aws import Client
    from nextflow_head.environment import Environment
    from nextflow_head.session import Session

#: The tag of each task that names its session.
TAG = "nextflow-session"
#: The tag of queues: the stacks of the deployment put it on all that they create.
QUEUE_TAG = "nextflow-batch:deployment"

#: Why they are terminated, for whoever looks at a task.
NEXT_HEAD_REPEATS = "its head is gone; the next one submits what is not completed"
HEAD_HAS_ENDED = "its head has ended"

# In the order in which jobs pass through them, so that none slips by between two questions.
_ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
# https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
_DESCRIBED_AT_ONCE = 100


def terminate(session: Session, environment: Environment, batch: Client, reason: str) -> int:
    """Terminates the tasks of the session.

    Nextflow never returns to a task that another Nextflow submitted: it submits it again, in
    another work directory. A task is known by its tag or, where a pipeline sets tags of its own, by
    the work directory that its command names.

    Args:
        session: The session, in which no Nextflow runs.
        environment: The head's variables.
        batch: The client.
        reason: Why: one of the two above.

    Returns:
        How many tasks were terminated.

    Raises:
        InputError: Batch does not allow it.
    """
    done: set[str] = set()
    with (
        aws_errors("the tasks of this session that still run cannot be terminated", "*"),
        ThreadPoolExecutor(8) as pool,
    ):
        # Until a look finds none that is new: Batch may return a task to a state already looked at.
        while found := set(_tasks(session, environment, batch)) - done:
            list(pool.map(lambda job: batch.terminate_job(jobId=job, reason=reason), found))
            done |= found
    return len(done)


def _tasks(session: Session, environment: Environment, batch: Client) -> Iterator[str]:
    alive = list(_alive(environment, batch))
    for start in range(0, len(alive), _DESCRIBED_AT_ONCE):
        for job in batch.describe_jobs(jobs=alive[start : start + _DESCRIBED_AT_ONCE])["jobs"]:
            if job["jobId"] != environment.job_id and _belongs(job, session) and not _ending(job):
                yield job["jobId"]


def _alive(environment: Environment, batch: Client) -> Iterator[str]:
    lists = batch.get_paginator("list_jobs")
    for queue in sorted(_queues(environment, batch)):
        for status in _ALIVE:
            for page in lists.paginate(jobQueue=queue, jobStatus=status):
                yield from (job["jobId"] for job in page["jobSummaryList"])


def _queues(environment: Environment, batch: Client) -> set[str]:
    """The queues that tasks may be in: a pipeline may name any of the deployment's."""
    own = {environment.job_queue, environment.on_demand_queue}
    deployment = environment.deployment
    pages = batch.get_paginator("describe_job_queues").paginate()
    return {
        queue["jobQueueArn"]
        for page in pages
        for queue in page["jobQueues"]
        if own & {queue["jobQueueName"], queue["jobQueueArn"]}
        or (deployment and queue.get("tags", {}).get(QUEUE_TAG) == deployment)
    }


def _ending(job: dict[str, Any]) -> bool:
    # A task that was terminated has some 30 s to end.
    return bool(job.get("isTerminated") or job.get("isCancelled"))


def _belongs(job: dict[str, Any], session: Session) -> bool:
    command = job.get("container", {}).get("command", [])
    return job.get("tags", {}).get(TAG) == session.id or any(
        f"{session.work}/" in word for word in command
    )
