"""Compute environments."""

import uuid
from typing import Any

from local_aws.batch import capacity, image
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.infrastructure_update import InfrastructureUpdate
from local_aws.batch.place import Place

_SCALING = frozenset({"minvCpus", "maxvCpus", "desiredvCpus"})
_LATEST_IMAGE = "updateToLatestImageVersion"


class ComputeEnvironment:
    """Capacity that queues share.

    Attributes:
        name: Its name.
        arn: Its ARN.
        state: `ENABLED` or `DISABLED`; a disabled one takes no new job.
        status: `VALID`, `UPDATING` or `INVALID`.
        status_reason: Why.
        resources: `computeResources` of the request.
        service_role: The role's ARN.
        update_policy: `updatePolicy`.
        cluster_name: The ECS cluster that Batch made for it.
        cluster_arn: That cluster's ARN.
        used_vcpus: What its STARTING and RUNNING jobs take.
        release: Which of the AMIs that Amazon has published so far its instances start from.
        has_scaled: Whether it has had an instance.
        update: The infrastructure update under way, if there is one.
    """

    def __init__(self, place: Place, request: dict[str, Any], service_role: str) -> None:
        self.name: str = request["computeEnvironmentName"]
        self.arn = place.arn("compute-environment", self.name)
        self.state: str = request.get("state", "ENABLED")
        self.status = "VALID"
        self.status_reason = "ComputeEnvironment Healthy"
        self.resources: dict[str, Any] = request["computeResources"]
        self.service_role = service_role
        self.update_policy: dict[str, Any] = {}
        self.uuid = str(uuid.uuid4())
        self.cluster_name = f"{self.name}_Batch_{self.uuid}"[:255]
        self.cluster_arn = ""
        self.used_vcpus = 0.0
        self.release = image.RELEASES.latest
        self.has_scaled = False
        self.update: InfrastructureUpdate | None = None

    @property
    def _instance_types(self) -> list[str]:
        return list(self.resources.get("instanceTypes", ["optimal"]))

    @property
    def architectures(self) -> set[str]:
        """The architectures of its instances."""
        return capacity.architectures(self._instance_types)

    @property
    def max_vcpus(self) -> float:
        """The vCPUs that its jobs may take together."""
        return float(self.resources.get("maxvCpus", 0))

    @property
    def policy(self) -> dict[str, Any]:
        """`updatePolicy`, with its defaults."""
        defaults = {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 30}
        return defaults | self.update_policy

    @property
    def takes_jobs(self) -> bool:
        """Whether the scheduler may place jobs in it."""
        return self.state == "ENABLED" and self.status in ("VALID", "UPDATING")

    @property
    def _images(self) -> list[dict[str, Any]]:
        return list(self.resources.get("ec2Configuration", []))

    def could_hold(self, demand: capacity.Demand) -> bool:
        """Tell whether a job fits when it has the environment to itself."""
        types = capacity.instance_types(self._instance_types, self._images)
        return demand.vcpus <= self.max_vcpus and any(kind.holds(demand) for kind in types)

    def has_room(self, demand: capacity.Demand, reserved: float = 0) -> bool:
        """Tell whether a job's vCPUs fit beside those in use.

        Args:
            demand: What the job needs.
            reserved: The ratio of the vCPUs that is kept free. Ours: an environment without jobs
                takes one, however much is reserved.
        """
        usable = self.max_vcpus * (1 - reserved) if self.used_vcpus else self.max_vcpus
        return self.used_vcpus + demand.vcpus <= usable

    def validate(self, fault: str | None) -> None:
        """Make the environment VALID, or INVALID for a fault of its launch template."""
        self.status = "INVALID" if fault else "UPDATING" if self.update else "VALID"
        self.status_reason = f"CLIENT_ERROR - {fault}" if fault else "ComputeEnvironment Healthy"

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show it as DescribeComputeEnvironments does."""
        least = int(self.resources.get("minvCpus", 0))
        desired = max(least, -int(-self.used_vcpus // 1))
        return {
            "computeEnvironmentName": self.name,
            "computeEnvironmentArn": self.arn,
            "ecsClusterArn": self.cluster_arn,
            "tags": tags,
            "type": "MANAGED",
            "state": self.state,
            "status": self.status,
            "statusReason": self.status_reason,
            "serviceRole": self.service_role,
            "updatePolicy": self.policy,
            "containerOrchestrationType": "ECS",
            "uuid": self.uuid,
            "computeResources": self.resources
            | {"minvCpus": least, "desiredvCpus": desired}
            | self._described_images(),
        }

    def _described_images(self) -> dict[str, Any]:
        """`ec2Configuration`, with the image's status where Batch shows it.

        https://docs.aws.amazon.com/batch/latest/userguide/managing-ami-versions.html
        """
        if not self._images:
            return {}
        status = "LATEST" if self.release == image.RELEASES.latest else "UPDATE_AVAILABLE"
        own = "imageId" in self.resources or not self.has_scaled
        return {
            "ec2Configuration": [
                entry if own or "imageIdOverride" in entry else entry | {"batchImageStatus": status}
                for entry in self._images
            ]
        }

    def check_settled(self, verb: str) -> None:
        """Refuse to change the environment while an infrastructure update is under way.

        Raises:
            ClientException: One is.
        """
        if self.update:
            raise ClientException(f"Cannot {verb}, resource is being modified.")

    def change_resources(self, update: dict[str, Any]) -> bool:
        """Apply `computeResources` of UpdateComputeEnvironment.

        The AMI stays what it was, unless its type changes or the newest is asked for
        (https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html).

        Args:
            update: The members to set.

        Returns:
            Whether the instances are to be replaced.

        Raises:
            ClientException: They need an infrastructure update that AWS refuses.
        """
        changes = [
            name
            for name, value in update.items()
            if name not in _SCALING and self.resources.get(name) != value
        ]
        if _LATEST_IMAGE in changes and not update[_LATEST_IMAGE]:
            changes.remove(_LATEST_IMAGE)
        if changes:
            self._check_infrastructure_update(", ".join(changes))
        if {_LATEST_IMAGE, "ec2Configuration"} & set(changes):
            self.release = image.RELEASES.latest
        kept = {name: value for name, value in update.items() if name != _LATEST_IMAGE}
        self.resources = self.resources | kept
        return bool(changes)

    def _check_infrastructure_update(self, changes: str) -> None:
        """Refuse what AWS cannot update in place.

        https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
        """
        if not self.service_role.endswith("/AWSServiceRoleForBatch"):
            raise request_error(
                f"{changes} can be updated only in a compute environment that uses "
                "the service-linked role AWSServiceRoleForBatch"
            )
        if self.resources.get("allocationStrategy", "BEST_FIT") == "BEST_FIT":
            raise request_error(f"{changes} can't be updated with allocation strategy BEST_FIT")
