"""Stops the tasks of a head that has ended for good.

The head stops its tasks itself, unless it is killed or its host is lost at the last attempt. Then
they would run, and cost, until they end. Batch's event of the head's end starts this function:
https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html

Whose a task is, is decided as `nfbatch cancel` does: by the tag of its session, or by the work
directory in its command.
"""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nextflow_janitors import jobs, report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "orphaned tasks"
#: Tags of each task: docs/permissions.md, docs/head.md#sessions
DEPLOYMENT_TAG, SESSION_TAG = "nextflow-deployment", "nextflow-session"
REASON = "its head has ended"
_KEEP_OPTION, _KEEP_VARIABLE = "-disable-jobs-cancellation", "NXF_DISABLE_JOBS_CANCELLATION"
_THREADS = 8


def handler(event: dict[str, Any], _context: object = None) -> report.Facts:
    """Handle a `Batch Job State Change` of a head that is SUCCEEDED or FAILED."""
    environment = Environment.read()
    return report.run(
        NAME,
        environment.deployment,
        lambda: stop(event, environment, batch=client("batch"), s3=client("s3")),
    )


def stop(event: dict[str, Any], environment: Environment, *, batch: Any, s3: Any) -> report.Facts:
    """Stop what the head has left.

    Args:
        event: As above.
        environment: The deployment.
        batch: A client.
        s3: A client.

    Returns:
        The head's job and the tasks' jobs.
    """
    head = str(event["detail"]["jobId"])
    known = _record(s3, environment, head)
    if _keeps_tasks(event["detail"], known):
        return {"head": head, "stopped": [], "reason": f"the run has {_KEEP_OPTION}"}
    # A later head may have resumed the session meanwhile: its tasks are younger. EventBridge's
    # times are of whole seconds.
    end = (datetime.fromisoformat(event["time"]).timestamp() + 1) * 1000
    found: dict[str, None] = {}
    # Until a look finds none that is new: Batch may return a task to a state already looked at.
    while new := [job for job in _tasks(batch, environment, head, known, end) if job not in found]:
        batch.terminate_job(jobId=new[0], reason=REASON)  # Alone: without permission, none is.
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda job: batch.terminate_job(jobId=job, reason=REASON), new[1:]))
        found |= dict.fromkeys(new)
    return {"head": head, "stopped": list(found)}


def _keeps_tasks(head: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether the user wants tasks to continue: docs/head.md#how-a-run-ends."""
    container = head.get("container", {})
    variables = {entry["name"]: entry.get("value") for entry in container.get("environment", [])}
    words = [*container.get("command", []), *known.get("arguments", [])]
    return _KEEP_OPTION in words or bool(variables.get(_KEEP_VARIABLE))


def _record(s3: Any, environment: Environment, head: str) -> dict[str, Any]:
    """The head's run.json; nothing if it never started."""
    bucket, _, prefix = environment.logs.removeprefix("s3://").partition("/")
    key = f"{prefix}/run-{head}/run.json"
    # Without s3:ListBucket, S3 answers "access denied" for an object that does not exist.
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount"):
        return {}
    found = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return found if isinstance(found, dict) else {}


def _tasks(
    batch: Any, environment: Environment, head: str, known: dict[str, Any], end: float
) -> Iterator[str]:
    session = known.get("session", {})
    # As the head derives it from its job.
    identity = session.get("id") or str(uuid.uuid5(uuid.NAMESPACE_URL, f"aws-batch-job:{head}"))
    folder = str(session.get("folder") or f"run-{head}").rstrip("/").rpartition("/")[2]
    summaries = jobs.listed(batch, environment.queues, jobs.ALIVE)
    ids = [job["jobId"] for job in summaries if not jobs.is_of(job, environment.head)]
    for job in jobs.described(batch, ids):
        tags = job.get("tags", {})
        command = job.get("container", {}).get("command", [])
        if (
            tags.get(DEPLOYMENT_TAG) == environment.deployment
            and job["status"] in jobs.ALIVE
            and job["createdAt"] < end
            and not (job.get("isTerminated") or job.get("isCancelled"))
            and (
                tags.get(SESSION_TAG) == identity
                or any(f"/{folder}/work/" in word for word in command)
            )
        ):
            yield job["jobId"]
