"""Counts jobs by state and vCPUs by environment, as Batch itself has no such metrics.

While there is nothing to count, it says nothing: CloudWatch charges for metrics by the hour in
which they have values.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from nextflow_janitors import jobs, report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "census"
#: The metric of each state of a task, and those of heads and of vCPUs.
TASKS = {status: f"Tasks{status.capitalize()}" for status in jobs.ALIVE}
HEADS, VCPUS = "RunsAlive", "VCpus"


def handler(_event: object, _context: object = None) -> report.Facts:
    """Handle a tick of the schedule."""
    environment = Environment.read()
    return report.run(NAME, environment.deployment, lambda: count(environment, client("batch")))


def count(environment: Environment, batch: Any) -> report.Facts:
    """Count.

    Args:
        environment: The deployment.
        batch: A client.

    Returns:
        The counts.
    """
    alive = {
        job["jobId"]: HEADS if jobs.is_of(job, environment.head) else TASKS[job["status"]]
        for job in jobs.listed(batch, environment.queues, jobs.ALIVE)
    }
    vcpus = dict(_vcpus(batch, environment))
    if alive:
        counts = dict.fromkeys((*TASKS.values(), HEADS), 0.0) | Counter(alive.values())
        report.emit("jobs counted", {}, metrics=counts, deployment=environment.deployment)
    for name, number in vcpus.items():
        if number:
            report.emit(
                "vCPUs counted",
                {},
                metrics={VCPUS: number},
                deployment=environment.deployment,
                environment=name,
            )
    return {"jobs": len(alive), "vcpus": vcpus}


def _vcpus(batch: Any, environment: Environment) -> Iterator[tuple[str, int]]:
    """The vCPUs of each environment, by its name in the settings.

    That is in the tag Name of its instances, `batch-NAME-worker`; its own name is CloudFormation's.
    """
    queues = batch.describe_job_queues(jobQueues=list(environment.queues))["jobQueues"]
    arns = {
        entry["computeEnvironment"]
        for queue in queues
        for entry in queue["computeEnvironmentOrder"]
    }
    paginator = batch.get_paginator("describe_compute_environments")
    for page in paginator.paginate(computeEnvironments=sorted(arns)):
        for each in page["computeEnvironments"]:
            label = each.get("tags", {}).get("Name", each["computeEnvironmentName"])
            name = label.removeprefix("batch-").removesuffix("-worker")
            yield name, each.get("computeResources", {}).get("desiredvCpus", 0)
