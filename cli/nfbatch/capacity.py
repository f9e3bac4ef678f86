"""The compute environments of a deployment: where a task ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment


@dataclass(frozen=True)
class Environment:
    """A compute environment.

    Attributes:
        name: Its name.
        cluster: The name of its ECS cluster, which no other environment has.
        is_spot: Whether its instances are Spot instances.
        types: `instanceTypes`: families, types or bundles.
    """

    name: str
    cluster: str
    is_spot: bool
    types: tuple[str, ...]


@dataclass(frozen=True)
class Capacity:
    """Where the jobs of a deployment can run.

    Attributes:
        of_queue: The environments of each queue, in its order.
    """

    of_queue: dict[str, tuple[Environment, ...]]

    def find(self, host: str | None, queue: str) -> Environment | None:
        """The environment of a task.

        Batch does not tell it. But the ARN of the container instance, which DescribeJobs still has
        when the instance is gone, contains the environment's cluster. Without it, it is the first
        environment of the queue.

        Args:
            host: ARN of the container instance, if it is known.
            queue: Name of the queue.
        """
        if host:
            cluster = host.split("/")[1]
            for environments in self.of_queue.values():
                for environment in environments:
                    if environment.cluster == cluster:
                        return environment
        return next(iter(self.of_queue.get(queue, ())), None)


def read(aws: Aws, deployment: Deployment) -> Capacity:
    """Describes the queues of a deployment and their environments, with a call each.

    Args:
        aws: The account and region.
        deployment: The deployment.
    """
    batch = aws.client("batch")
    queues = batch.describe_job_queues(jobQueues=list(deployment.queues))["jobQueues"]
    orders = {
        queue["jobQueueName"]: [
            entry["computeEnvironment"]
            for entry in sorted(queue["computeEnvironmentOrder"], key=lambda each: each["order"])
        ]
        for queue in queues
    }
    wanted = sorted({arn for order in orders.values() for arn in order})
    environments: dict[str, Environment] = {}
    if wanted:
        answer = batch.describe_compute_environments(computeEnvironments=wanted)
        for each in answer["computeEnvironments"]:
            resources = each.get("computeResources", {})
            environments[each["computeEnvironmentArn"]] = Environment(
                name=each["computeEnvironmentName"],
                cluster=each.get("ecsClusterArn", "").rpartition("/")[2],
                is_spot=resources.get("type") == "SPOT",
                types=tuple(resources.get("instanceTypes", ())),
            )
    return Capacity(
        {
            queue: tuple(environments[arn] for arn in order if arn in environments)
            for queue, order in orders.items()
        }
    )
