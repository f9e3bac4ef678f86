"""Compute environments."""

import uuid
from typing import TYPE_CHECKING, Any

from moto.core.common_models import CloudFormationModel

from local_aws.batch import capacity, template
from local_aws.batch.errors import request_error
from local_aws.batch.regional import backend_of
from local_aws.batch.resource import BatchResource

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch
    from local_aws.batch.job import Job

# createOnlyProperties and conditionalCreateOnlyProperties of the resource type's schema:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
_CREATE_ONLY = (
    "ComputeEnvironmentName",
    "Tags",
    "Type",
    "ComputeResources/SpotIamFleetRole",
    "EksConfiguration",
)
_INFRASTRUCTURE = tuple(
    f"ComputeResources/{name}"
    for name in (
        "AllocationStrategy",
        "BidPercentage",
        "Ec2Configuration",
        "Ec2KeyPair",
        "ImageId",
        "InstanceRole",
        "InstanceTypes",
        "LaunchTemplate",
        "PlacementGroup",
        "ScalingPolicy",
        "SecurityGroupIds",
        "Subnets",
        "Tags",
        "Type",
    )
)


class ComputeEnvironment(BatchResource, CloudFormationModel):  # type: ignore[misc]
    """Capacity that queues share.

    Attributes:
        name: Its name.
        arn: Its ARN.
        type: `MANAGED` or `UNMANAGED`.
        state: `ENABLED` or `DISABLED`; a disabled one takes no new job.
        status: `VALID` or `INVALID`.
        resources: `computeResources` as given.
        service_role: The role's ARN.
        update_policy: `updatePolicy`.
        cluster_name: The ECS cluster that Batch made for it.
        cluster_arn: That cluster's ARN.
        used_vcpus: What its STARTING and RUNNING jobs take.
        superseded: Whether CloudFormation replaced it; it goes when the last queue lets go.
        properties: The properties in the template that made it.

    """

    TYPE = "AWS::Batch::ComputeEnvironment"
    NAME_PROPERTY = "ComputeEnvironmentName"
    ATTRIBUTE = "ComputeEnvironmentArn"

    def __init__(self, backend: "LocalBatch", request: dict[str, Any], service_role: str) -> None:
        self.name: str = request["computeEnvironmentName"]
        self.arn = backend.arn("compute-environment", self.name)
        self.type: str = request["type"]
        self.state: str = request.get("state", "ENABLED")
        self.status = "VALID"
        self.status_reason = "ComputeEnvironment Healthy"
        self.resources: dict[str, Any] = request.get("computeResources", {})
        self.service_role = service_role
        self.update_policy: dict[str, Any] = {}
        self.ecs_settings: dict[str, Any] = request.get("ecsSettings", {})
        self.uuid = str(uuid.uuid4())
        self.cluster_name = f"{self.name}_Batch_{self.uuid}"[:255]
        self.cluster_arn = ""
        self.used_vcpus = 0.0
        self.superseded = False
        self.properties: dict[str, Any] = {}

    @property
    def is_fargate(self) -> bool:
        """Whether its jobs run on Fargate."""
        return str(self.resources.get("type", "")).startswith("FARGATE")

    @property
    def architectures(self) -> set[str]:
        """The architectures of its instances; empty on Fargate, where each job says its own."""
        if self.is_fargate:
            return set()
        return capacity.architectures(self.resources.get("instanceTypes", ["optimal"]))

    @property
    def max_vcpus(self) -> float:
        """The vCPUs that its jobs may take together."""
        return float(self.resources.get("maxvCpus", 0))

    @property
    def takes_jobs(self) -> bool:
        """Whether the scheduler may place jobs in it."""
        return self.state == "ENABLED" and self.status == "VALID"

    def instance_type_for(self, job: "Job") -> str | None:
        """Name the instance that would be started for a job.

        Args:
            job: The job.

        Returns:
            The type's name, or None if no type holds the job.

        """
        if self.is_fargate:
            return "fargate"
        types = capacity.instance_types(self.resources.get("instanceTypes", ["optimal"]))
        kind = capacity.smallest_that_holds(types, job.vcpus, job.memory_mib, job.gpus)
        return kind.name if kind else None

    def has_room(self, job: "Job") -> bool:
        """Tell whether a job's vCPUs fit beside those in use."""
        return self.used_vcpus + job.vcpus <= self.max_vcpus

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show it as DescribeComputeEnvironments does."""
        shown = {
            "computeEnvironmentName": self.name,
            "computeEnvironmentArn": self.arn,
            "ecsClusterArn": self.cluster_arn,
            "tags": tags,
            "type": self.type,
            "state": self.state,
            "status": self.status,
            "statusReason": self.status_reason,
            "serviceRole": self.service_role,
            "updatePolicy": {
                "terminateJobsOnUpdate": False,
                "jobExecutionTimeoutMinutes": 30,
            }
            | self.update_policy,
            "containerOrchestrationType": "ECS",
            "uuid": self.uuid,
        }
        if self.resources:
            shown["computeResources"] = self.resources | self._desired()
        if self.ecs_settings:
            shown["ecsSettings"] = self.ecs_settings
        return shown

    def _desired(self) -> dict[str, int]:
        if self.is_fargate:
            return {}
        least = int(self.resources.get("minvCpus", 0))
        return {"minvCpus": least, "desiredvCpus": max(least, -int(-self.used_vcpus // 1))}

    def _infrastructure_update(self, changes: list[str]) -> None:
        """Refuse what AWS cannot update in place.

        https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
        """
        if not self.service_role.endswith("/AWSServiceRoleForBatch"):
            raise request_error(
                f"{', '.join(changes)} can be updated only in a compute environment that uses "
                "the service-linked role AWSServiceRoleForBatch"
            )
        if self.resources.get("allocationStrategy", "BEST_FIT") == "BEST_FIT":
            raise request_error(
                f"{', '.join(changes)} can't be updated with allocation strategy BEST_FIT"
            )

    def change_resources(self, update: dict[str, Any]) -> None:
        """Apply `computeResources` of UpdateComputeEnvironment.

        Args:
            update: The members to set.

        Raises:
            ClientException: They need an infrastructure update that AWS refuses.

        """
        scaling = {"minvCpus", "maxvCpus", "desiredvCpus", "updateToLatestImageVersion"}
        changes = [
            name
            for name, value in update.items()
            if name not in scaling and self.resources.get(name) != value
        ]
        if changes:
            self._infrastructure_update(changes)
        update = {k: v for k, v in update.items() if k != "updateToLatestImageVersion"}
        self.resources = self.resources | update

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "ComputeEnvironment":
        """Create the resource of a template; an INVALID environment fails, as on AWS."""
        properties = cloudformation_json["Properties"]
        request = template.members("CreateComputeEnvironmentRequest", properties)
        request["computeEnvironmentName"] = template.generated_name(resource_name)
        backend = backend_of(account_id, region_name)
        environment = backend.create_compute_environment(request)
        if environment.status == "INVALID":
            backend.remove_compute_environment(environment)
            raise request_error(
                "Operation failed, ComputeEnvironment went INVALID with error: "
                f"{environment.status_reason}"
            )
        environment.update_policy = template.members(
            "UpdatePolicy", properties.get("UpdatePolicy", {})
        )
        environment.properties = properties
        return environment

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "ComputeEnvironment",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "ComputeEnvironment":
        """Update in place where AWS does, else replace.

        The replaced environment is deleted once no queue uses it, as CloudFormation's cleanup
        phase does after it has updated the queues.
        """
        properties = cloudformation_json["Properties"]
        backend = backend_of(account_id, region_name)
        if _replaces(original_resource.properties, properties):
            if (
                properties.get("ComputeEnvironmentName", new_resource_name)
                == original_resource.name
            ):
                raise template.replacement_refused(original_resource.name)
            replacement = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            original_resource.superseded = True
            backend.remove_superseded()
            return replacement
        request = template.members("UpdateComputeEnvironmentRequest", properties)
        request |= {"computeEnvironment": original_resource.arn}
        backend.update_compute_environment({"state": "ENABLED"} | request)
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
        if resource_name in backend.compute_environments:
            backend.update_compute_environment(
                {"computeEnvironment": resource_name, "state": "DISABLED"}
            )
            backend.delete_compute_environment({"computeEnvironment": resource_name})


def _replaces(before: dict[str, Any], after: dict[str, Any]) -> bool:
    if template.changed(before, after, _CREATE_ONLY):
        return True
    # ReplaceComputeEnvironment is true unless the template says otherwise.
    replace = str(after.get("ReplaceComputeEnvironment", True)).lower() == "true"
    return replace and bool(template.changed(before, after, _INFRASTRUCTURE))
