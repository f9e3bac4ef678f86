"""Batch's compute environments, job queues, job definitions and scheduling policies."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.errors import ResourceError
from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    shortened,
    stabilize,
    tag_changes,
)

_MAX_NAME = 128


class _BatchHandler(Handler):
    """A resource whose physical id and only attribute is its ARN."""

    name_property: ClassVar[str]
    arn_attribute: ClassVar[str]

    def batch(self, method: str, properties: Properties, **more: Any) -> dict[str, Any]:
        """Calls an operation with those of the properties that its request has."""
        return self.call("batch", method, **self.members("batch", method, properties), **more)

    def named(self, name: str, properties: Properties) -> Properties:
        """Returns the properties with a name."""
        return {self.name_property: shortened(name, _MAX_NAME), **properties}

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def update_tags(self, arn: str, old: Properties, new: Properties) -> None:
        """Changes the tags."""
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call("batch", "untag_resource", resourceArn=arn, tagKeys=to_remove)
        if to_set:
            tags = {tag["Key"]: tag["Value"] for tag in to_set}
            self.call("batch", "tag_resource", resourceArn=arn, tags=tags)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {self.arn_attribute: physical_id}[name]


class ComputeEnvironment(_BatchHandler):
    """`AWS::Batch::ComputeEnvironment`; one that goes INVALID fails, as on AWS."""

    name_property = "ComputeEnvironmentName"
    arn_attribute = "ComputeEnvironmentArn"
    applies: ClassVar = frozenset(
        {
            "ComputeEnvironmentName",
            "ComputeResources",
            "ReplaceComputeEnvironment",
            "ServiceRole",
            "State",
            "Tags",
            "Type",
            "UpdatePolicy",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.batch("create_compute_environment", self.named(name, properties))
        return str(answer["computeEnvironmentArn"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._check(physical_id)
        policy = {"UpdatePolicy": properties.get("UpdatePolicy", {})}
        self.batch("update_compute_environment", policy, computeEnvironment=physical_id)

    def _describe(self, arn: str) -> Properties:
        found = self.call("batch", "describe_compute_environments", computeEnvironments=[arn])
        (environment,) = found["computeEnvironments"]
        return dict(environment)

    def _check(self, arn: str) -> None:
        environment = self._describe(arn)
        if environment["status"] == "INVALID":
            raise ResourceError(
                'Resource handler returned message: "Operation failed, ComputeEnvironment went '
                f'INVALID with error: {environment["statusReason"]}"'
            )

    def replaces_conditionally(self, properties: Properties) -> bool:
        return str(properties.get("ReplaceComputeEnvironment", True)).lower() == "true"

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        changes = {"State": "ENABLED", **new}
        self.batch("update_compute_environment", changes, computeEnvironment=physical_id)
        stabilize(
            "AWS::Batch::ComputeEnvironment",
            physical_id,
            lambda: self._describe(physical_id)["status"] != "UPDATING",
        )
        self._check(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        environment = {"computeEnvironment": physical_id}
        found = self.call(
            "batch", "describe_compute_environments", computeEnvironments=[physical_id]
        )
        if found["computeEnvironments"]:
            self.batch("update_compute_environment", {"State": "DISABLED"}, **environment)
            self.call("batch", "delete_compute_environment", **environment)


class JobQueue(_BatchHandler):
    """`AWS::Batch::JobQueue`."""

    name_property = "JobQueueName"
    arn_attribute = "JobQueueArn"
    applies: ClassVar = frozenset(
        {
            "ComputeEnvironmentOrder",
            "JobQueueName",
            "JobStateTimeLimitActions",
            "Priority",
            "SchedulingPolicyArn",
            "State",
            "Tags",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        return str(self.batch("create_job_queue", self.named(name, properties))["jobQueueArn"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        # A property that the template no longer has goes back to its default.
        properties = {"State": "ENABLED", "JobStateTimeLimitActions": [], **new}
        self.batch("update_job_queue", properties, jobQueue=physical_id)
        self.update_tags(physical_id, old, new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        found = self.call("batch", "describe_job_queues", jobQueues=[physical_id])
        if found["jobQueues"]:
            self.batch("update_job_queue", {"State": "DISABLED"}, jobQueue=physical_id)
            self.call("batch", "delete_job_queue", jobQueue=physical_id)


class JobDefinition(_BatchHandler):
    """`AWS::Batch::JobDefinition`: each change is a new revision, so its physical id moves."""

    name_property = "JobDefinitionName"
    arn_attribute = "JobDefinitionArn"
    applies: ClassVar = frozenset(
        {
            "ContainerProperties",
            "JobDefinitionName",
            "Parameters",
            "PlatformCapabilities",
            "PropagateTags",
            "ResourceRetentionPolicy",
            "RetryStrategy",
            "SchedulingPriority",
            "Tags",
            "Timeout",
            "Type",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.batch("register_job_definition", self.named(name, properties))
        return str(answer["jobDefinitionArn"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> str:
        name = physical_id.rpartition("/")[2].partition(":")[0]
        revision = self.create(name, new)
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-jobdefinition-resourceretentionpolicy.html
        retention = new.get("ResourceRetentionPolicy", {})
        if str(retention.get("SkipDeregisterOnUpdate", False)).lower() != "true":
            self.delete(physical_id, old)
        return revision

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("batch", "deregister_job_definition", jobDefinition=physical_id)


class SchedulingPolicy(_BatchHandler):
    """`AWS::Batch::SchedulingPolicy`."""

    name_property = "Name"
    arn_attribute = "Arn"
    applies: ClassVar = frozenset({"FairsharePolicy", "Name", "Tags"})

    def create(self, name: str, properties: Properties) -> str:
        return str(self.batch("create_scheduling_policy", self.named(name, properties))["arn"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        weights = {"FairsharePolicy": new.get("FairsharePolicy", {})}
        self.batch("update_scheduling_policy", weights, arn=physical_id)
        self.update_tags(physical_id, old, new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("batch", "delete_scheduling_policy", arn=physical_id)
