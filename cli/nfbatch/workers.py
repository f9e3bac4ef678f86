"""The workers of a deployment by compute environment: how old their AMI is, what runs on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment

Image = Literal["latest", "out of date", "own", "unknown"]
_STATUSES = {"LATEST": "latest", "UPDATE_AVAILABLE": "out of date"}
_UNDER_WAY = ("STARTING", "RUNNING")
_SERVICE_LINKED = "/AWSServiceRoleForBatch"
_PAGE = 100  # https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The workers of one compute environment.

    Attributes:
        environment: Its name.
        arn: Its ARN.
        name: The instances' Name tag.
        status: VALID, UPDATING or INVALID.
        image: Whether Batch has a newer AMI; `own` is one of the settings, and Batch knows nothing
            before the first instance.
        jobs: How many jobs are on them.
        minutes: How long jobs may hold an update.
        is_renewable: Whether Batch replaces them in place; not with another role than its own.
    """

    environment: str
    arn: str
    name: str
    status: str
    image: Image
    jobs: int
    minutes: int
    is_renewable: bool

    @property
    def is_due(self) -> bool:
        """Whether a renewal may bring a newer AMI."""
        return self.image in ("out of date", "unknown")

    def as_json(self) -> dict[str, Any]:
        """What a machine reads."""
        return {
            "environment": self.environment,
            "name": self.name,
            "status": self.status,
            "image": self.image,
            "jobs": self.jobs,
            "renewable": self.is_renewable,
        }


def read(aws: Aws, deployment: Deployment) -> list[Workers]:
    """Describes the environments of all queues, and counts the jobs on them."""
    batch = aws.client("batch")
    queues = batch.describe_job_queues(jobQueues=list(deployment.queues))["jobQueues"]
    arns = sorted(
        {
            entry["computeEnvironment"]
            for queue in queues
            for entry in queue["computeEnvironmentOrder"]
        }
    )
    if not arns:
        return []
    answer = batch.describe_compute_environments(computeEnvironments=arns)
    jobs = Counter(_clusters(batch, [queue["jobQueueArn"] for queue in queues]))
    return sorted(
        (_workers(entry, jobs) for entry in answer["computeEnvironments"]),
        key=lambda each: each.name,
    )


def _workers(entry: dict[str, Any], jobs: Counter[str]) -> Workers:
    resources = entry["computeResources"]
    policy = entry.get("updatePolicy", {})
    return Workers(
        environment=entry["computeEnvironmentName"],
        arn=entry["computeEnvironmentArn"],
        name=resources.get("tags", {}).get("Name", entry["computeEnvironmentName"]),
        status=entry["status"],
        image=_image(resources),
        jobs=jobs[entry.get("ecsClusterArn", "").rpartition("/")[2]],
        minutes=policy.get("jobExecutionTimeoutMinutes", 30),
        is_renewable=entry.get("serviceRole", "").endswith(_SERVICE_LINKED),
    )


def _image(resources: dict[str, Any]) -> Image:
    """https://docs.aws.amazon.com/batch/latest/userguide/managing-ami-versions.html."""
    configurations = resources.get("ec2Configuration", [])
    if "imageId" in resources or any("imageIdOverride" in entry for entry in configurations):
        return "own"
    found = {_STATUSES.get(entry.get("batchImageStatus", "")) for entry in configurations}
    if "out of date" in found:
        return "out of date"
    return "latest" if found == {"latest"} else "unknown"


def _clusters(batch: Any, queues: list[str]) -> Iterator[str]:
    """The cluster of each job that is under way."""
    ids = [job for queue in queues for job in _under_way(batch, queue)]
    for first in range(0, len(ids), _PAGE):
        for job in batch.describe_jobs(jobs=ids[first : first + _PAGE])["jobs"]:
            host = job.get("container", {}).get("containerInstanceArn", "")
            if "/" in host:
                yield host.split("/")[1]


def _under_way(batch: Any, queue: str) -> Iterator[str]:
    """The ids of a queue's jobs that have a worker.

    A queue's list has array jobs, which are PENDING until their last child has ended, but not the
    children: https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
    """

    def listed(**which: str) -> Iterator[dict[str, Any]]:
        for page in batch.get_paginator("list_jobs").paginate(**which):
            yield from page["jobSummaryList"]

    arrays = [
        {"arrayJobId": job["jobId"]}
        for job in listed(jobQueue=queue, jobStatus="PENDING")
        if "arrayProperties" in job
    ]
    for family in ({"jobQueue": queue}, *arrays):
        for status in _UNDER_WAY:
            yield from (job["jobId"] for job in listed(**family, jobStatus=status))


def renew(aws: Aws, chosen: Workers) -> None:
    """Lets Batch replace workers by new ones, with its newest AMI.

    Jobs that run may go on for the update policy's minutes; new ones start on new workers
    (https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html).
    """
    aws.client("batch").update_compute_environment(
        computeEnvironment=chosen.arn,
        computeResources={"updateToLatestImageVersion": True},
        updatePolicy={
            "terminateJobsOnUpdate": False,
            "jobExecutionTimeoutMinutes": chosen.minutes,
        },
    )
