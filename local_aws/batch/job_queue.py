"""Job queues."""

from typing import Any

from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.place import Place


class JobQueue:
    """A queue in front of one to three compute environments.

    Attributes:
        name: Its name.
        arn: Its ARN.
        priority: Queues with a higher one are served first.
        state: `ENABLED` or `DISABLED`; a disabled one takes no new job.
        policy_arn: The scheduling policy of a fair-share queue.
        time_limits: `jobStateTimeLimitActions`.
        environments: The compute environments, by ascending order.
    """

    def __init__(
        self, place: Place, request: dict[str, Any], environments: list[ComputeEnvironment]
    ) -> None:
        self.name: str = request["jobQueueName"]
        self.arn = place.arn("job-queue", self.name)
        self.priority: int = request["priority"]
        self.state: str = request.get("state", "ENABLED")
        self.policy_arn: str | None = request.get("schedulingPolicyArn")
        self.time_limits: list[dict[str, Any]] = request.get("jobStateTimeLimitActions", [])
        self.environments: list[ComputeEnvironment] = []
        self._order: list[dict[str, Any]] = []
        self.set_environments(request["computeEnvironmentOrder"], environments)

    def set_environments(
        self, order: list[dict[str, Any]], environments: list[ComputeEnvironment]
    ) -> None:
        """Attach other compute environments.

        Args:
            order: `computeEnvironmentOrder` of the request.
            environments: The environments it names, by ascending order.
        """
        self.environments = environments
        numbers = sorted(entry["order"] for entry in order)
        self._order = [
            {"order": number, "computeEnvironment": environment.arn}
            for number, environment in zip(numbers, environments, strict=True)
        ]

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the queue as DescribeJobQueues does."""
        shown = {
            "jobQueueName": self.name,
            "jobQueueArn": self.arn,
            "state": self.state,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": self.priority,
            "computeEnvironmentOrder": self._order,
            "serviceEnvironmentOrder": [],
            "jobQueueType": "ECS",
            "tags": tags,
            "jobStateTimeLimitActions": self.time_limits,
        }
        return shown | ({"schedulingPolicyArn": self.policy_arn} if self.policy_arn else {})
