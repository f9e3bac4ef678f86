"""Job queues."""

from typing import TYPE_CHECKING, Any

from moto.core.common_models import CloudFormationModel

from local_aws.batch import template
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.regional import backend_of
from local_aws.batch.resource import BatchResource

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch
    from local_aws.batch.job import Job


class JobQueue(BatchResource, CloudFormationModel):  # type: ignore[misc]
    """Where jobs wait for room.

    Attributes:
        name: Its name.
        arn: Its ARN.
        priority: Queues with a higher one are served first.
        state: `ENABLED` or `DISABLED`.
        environments: Its compute environments in their order.
        order: `computeEnvironmentOrder` as the API shows it.
        policy_arn: The scheduling policy's ARN, or None for first in, first out.
        time_limits: `jobStateTimeLimitActions`.
        waiting: Its RUNNABLE jobs, the next one first.
        properties: The properties in the template that made it.

    """

    TYPE = "AWS::Batch::JobQueue"
    NAME_PROPERTY = "JobQueueName"
    ATTRIBUTE = "JobQueueArn"

    def __init__(
        self,
        backend: "LocalBatch",
        request: dict[str, Any],
        environments: list[ComputeEnvironment],
    ) -> None:
        self.name: str = request["jobQueueName"]
        self.arn = backend.arn("job-queue", self.name)
        self.priority: int = request["priority"]
        self.state: str = request.get("state", "ENABLED")
        self.policy_arn: str | None = request.get("schedulingPolicyArn")
        self.time_limits: list[dict[str, Any]] = request.get("jobStateTimeLimitActions", [])
        self.environments = environments
        self.order: list[dict[str, Any]] = []
        self.waiting: list[Job] = []
        self.properties: dict[str, Any] = {}
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
        self.order = [
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
            "computeEnvironmentOrder": self.order,
            "serviceEnvironmentOrder": [],
            "jobQueueType": "ECS_FARGATE" if self.environments[0].is_fargate else "ECS",
            "tags": tags,
            "jobStateTimeLimitActions": self.time_limits,
        }
        return shown | ({"schedulingPolicyArn": self.policy_arn} if self.policy_arn else {})

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "JobQueue":
        """Create the resource of a template."""
        properties = cloudformation_json["Properties"]
        request = template.members("CreateJobQueueRequest", properties)
        request["jobQueueName"] = template.generated_name(resource_name)
        queue = backend_of(account_id, region_name).create_job_queue(request)
        queue.properties = properties
        return queue

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "JobQueue",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "JobQueue":
        """Update in place, or replace when the name changed."""
        properties = cloudformation_json["Properties"]
        backend = backend_of(account_id, region_name)
        if template.changed(original_resource.properties, properties, ["JobQueueName"]):
            replacement = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            backend.remove_job_queue(original_resource)
            return replacement
        request = template.members("UpdateJobQueueRequest", properties)
        # A property that the template no longer has goes back to its default.
        request = {"state": "ENABLED", "jobStateTimeLimitActions": []} | request
        backend.update_job_queue({**request, "jobQueue": original_resource.arn})
        backend.set_tags(original_resource.arn, properties.get("Tags", {}))
        original_resource.properties = properties
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        """Disable and delete the resource; `resource_name` is its physical id."""
        backend = backend_of(account_id, region_name)
        if resource_name in backend.job_queues:
            backend.remove_job_queue(backend.job_queues[resource_name])
