"""What an account has already: stacks, running jobs, names."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stacks.transition import states
from stacks.transition.template import StackTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stacks.transition.effects import Effect

#: Stacks of a deployment that some settings, or earlier versions, have and others have not.
_OPTIONAL = ("operations", "network")
_STATUSES = ("STARTING", "RUNNING")
_POLL_SECONDS = 5
_PAGE = 100  # https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html


class Account:
    """An account and region.

    Args:
        client: Makes a boto3 client of a service.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def settled(self, declared: Sequence[str], say: Callable[[str], None]) -> dict[str, str]:
        """Wait until nothing changes the stacks of a deployment, such as an interrupted deploy.

        Args:
            declared: Names of the stacks that its settings have now.
            say: Is told what is waited for.

        Returns:
            The statuses of the stacks that exist, by name.
        """
        found: dict[str, str] = {}
        for name in _names(declared):
            status = self._status(name)
            if states.is_changing(status):
                say(f"{name}: is {status}, by an earlier deploy; waiting for it")
            while states.is_changing(status):
                time.sleep(_POLL_SECONDS)
                status = self._status(name)
            if status:
                found[name] = status
        return found

    def deployed(self, declared: Sequence[str]) -> dict[str, StackTemplate]:
        """The stacks of a deployment that exist.

        Args:
            declared: Names of the stacks that its settings have now.

        Returns:
            They, and those that it has no more, by name.
        """
        found = {name: self._stack(name) for name in _names(declared)}
        return {name: stack for name, stack in found.items() if stack}

    def _status(self, name: str) -> str:
        """The stack's status; nothing if it does not exist."""
        try:
            (stack,) = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise
        return str(stack["StackStatus"])

    def _stack(self, name: str) -> StackTemplate | None:
        status = self._status(name)
        if not status or status in states.AS_NEW:
            return None
        cloudformation = self._client("cloudformation")
        body = cloudformation.get_template(StackName=name)["TemplateBody"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        return StackTemplate(
            name,
            json.loads(body) if isinstance(body, str) else body,
            {
                item["LogicalResourceId"]: item.get("PhysicalResourceId", "")
                for page in pages
                for item in page["StackResourceSummaries"]
            },
        )

    def destroy(self, name: str) -> None:
        """Destroy a stack, and wait for it.

        Raises:
            WaiterError: It could not be destroyed.
        """
        cloudformation = self._client("cloudformation")
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)

    def taken_names(
        self, declared: Sequence[StackTemplate], deployed: dict[str, StackTemplate]
    ) -> Iterator[str]:
        """What cannot be made because something else has its name."""
        for stack in declared:
            old = deployed.get(stack.name)
            before = old.resources if old else {}
            for logical_id, resource in stack.resources.items():
                look = _LOOKS.get(resource["Type"])
                if look is None:
                    continue
                name = resource.get("Properties", {}).get(look[0])
                same = before.get(logical_id, {}).get("Properties", {}).get(look[0]) == name
                if isinstance(name, str) and not same and look[1](self._client, name):
                    yield look[2].format(name=name)

    def running_jobs(self, effects: Sequence[Effect]) -> dict[str, int]:
        """How many jobs each effect is about, by the physical id."""
        counts = dict.fromkeys((effect.physical_id for effect in effects), 0)
        if not any(counts):
            return counts
        batch = self._client("batch")
        pages = batch.get_paginator("describe_compute_environments").paginate(
            computeEnvironments=[arn for arn in counts if ":compute-environment/" in arn]
        )
        clusters = {
            item["ecsClusterArn"].rpartition("/")[2]: item["computeEnvironmentArn"]
            for page in pages
            for item in page["computeEnvironments"]
            if item.get("ecsClusterArn")  # others' may be on EKS
        }
        for queue, job in self._running(batch):
            if queue in counts:
                counts[queue] += 1
            host = job.get("container", {}).get("containerInstanceArn", "")
            environment = clusters.get(host.split("/")[1] if "/" in host else "")
            if environment in counts:
                counts[environment] += 1
        return counts

    @staticmethod
    def _running(batch: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for page in batch.get_paginator("describe_job_queues").paginate():
            for queue in page["jobQueues"]:
                arn = queue["jobQueueArn"]
                ids = list(_under_way(batch, arn))
                for first in range(0, len(ids), _PAGE):
                    for job in batch.describe_jobs(jobs=ids[first : first + _PAGE])["jobs"]:
                        yield arn, job


def _names(declared: Sequence[str]) -> list[str]:
    """The declared stacks, and those that earlier settings may have had."""
    stem = declared[0].rpartition("-")[0]
    return list(dict.fromkeys([*declared, *(f"{stem}-{name}" for name in _OPTIONAL)]))


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
        for status in _STATUSES:
            yield from (job["jobId"] for job in listed(**family, jobStatus=status))


def _has_queue(client: Callable[[str], Any], name: str) -> bool:
    return bool(client("batch").describe_job_queues(jobQueues=[name])["jobQueues"])


def _has_bucket(client: Callable[[str], Any], name: str) -> bool:
    try:
        client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        # 403: it is another account's, whose names are taken too.
        return str(error.response["Error"]["Code"]) != "404"
    return True


_LOOKS = {
    "AWS::Batch::JobQueue": (
        "JobQueueName",
        _has_queue,
        "queues.{name}: is not allowed: the account has a queue of this name; choose another name,"
        " or destroy the deployment that has it",
    ),
    "AWS::S3::Bucket": (
        "BucketName",
        _has_bucket,
        "storage.bucket: {name} is not allowed: the bucket exists; set storage.existing_bucket to"
        " use it, or choose another name",
    ),
}
