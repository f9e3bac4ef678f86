"""Deregisters job definitions of tasks that have not been used for long.

Nextflow registers one for each image and its options, and never removes it. One that is missing
when a run wants it again is registered again. Nextflow tags each with the time of its registration:
https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchTaskHandler.groovy
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nextflow_janitors import jobs, report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "stale definitions"
CREATED_TAG = "nextflow.io/createdAt"
#: How old a definition must be.
AGE = timedelta(days=30)
#: Batch forgets a job seven days after its end, so a definition whose last job it has forgotten
#: may still be in the memory of a head that is older.
#: https://docs.aws.amazon.com/batch/latest/userguide/job_states.html
REMEMBERED = timedelta(days=6)
#: Looked at in one run, one every half second: what is left is for the next day.
MOST, PAUSE_SECONDS = 200, 0.5


def handler(_event: object, _context: object = None) -> report.Facts:
    """Handle a tick of the schedule."""
    environment = Environment.read()
    return report.run(
        NAME, environment.deployment, lambda: deregister(environment, batch=client("batch"))
    )


def deregister(
    environment: Environment,
    *,
    batch: Any,
    now: datetime | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> report.Facts:
    """Deregister them.

    Args:
        environment: The deployment.
        batch: A client.
        now: The time; the clock's when not given.
        pause: Waits for some seconds.

    Returns:
        The definitions, and how many are kept.
    """
    now = now or datetime.now(UTC)
    for job in jobs.listed(batch, environment.queues, jobs.ALIVE):
        begun = datetime.fromtimestamp(job["createdAt"] / 1000, UTC)
        if jobs.is_of(job, environment.head) and now - begun > REMEMBERED:
            reason = f"the head {job['jobId']} runs for more than {REMEMBERED.days} days"
            return {"deregistered": [], "reason": reason}
    known = list(_definitions(batch, f"nf-{environment.deployment}_"))
    old = [each for each in known if _registered(each, now) < now - AGE]
    # If one run cannot look at all, the next one looks at others.
    random.shuffle(old)
    done: list[str] = []
    for number, each in enumerate(old[:MOST]):
        if number:
            pause(PAUSE_SECONDS)
        # Right before: a head may have submitted a job meanwhile.
        if jobs.has_any(batch, environment.queues, each["jobDefinitionArn"]):
            continue
        batch.deregister_job_definition(jobDefinition=each["jobDefinitionArn"])
        done.append(f"{each['jobDefinitionName']}:{each['revision']}")
    return {"deregistered": done, "kept": len(known) - len(done)}


def _definitions(batch: Any, prefix: str) -> Iterator[dict[str, Any]]:
    pages = batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
    for page in pages:
        for each in page["jobDefinitions"]:
            if each["jobDefinitionName"].startswith(prefix):
                yield each


def _registered(definition: dict[str, Any], now: datetime) -> datetime:
    """When it was registered; now, where that is not known."""
    try:
        text = definition.get("tags", {})[CREATED_TAG]
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (KeyError, ValueError):
        return now
    return found if found.tzinfo else found.replace(tzinfo=UTC)
