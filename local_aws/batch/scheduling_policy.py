"""Scheduling policies of fair-share queues."""

from typing import TYPE_CHECKING, Any

from moto.core.common_models import CloudFormationModel

from local_aws.batch import limits, template
from local_aws.batch.errors import ClientException
from local_aws.batch.regional import backend_of
from local_aws.batch.request import checked
from local_aws.batch.resource import BatchResource

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch


class SchedulingPolicy(BatchResource, CloudFormationModel):  # type: ignore[misc]
    """The weights of a queue's shares.

    Attributes:
        name: Its name.
        arn: Its ARN.
        fairshare: `fairsharePolicy` as the API shows it.

    """

    TYPE = "AWS::Batch::SchedulingPolicy"
    NAME_PROPERTY = "Name"
    ATTRIBUTE = "Arn"

    def __init__(self, backend: "LocalBatch", name: str, fairshare: dict[str, Any]) -> None:
        self.name = name
        self.arn = backend.arn("scheduling-policy", name)
        self.fairshare: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}
        self.update(fairshare)

    def update(self, fairshare: dict[str, Any]) -> None:
        """Replace the weights."""
        self.fairshare = {
            "computeReservation": 0,
            "shareDecaySeconds": 0,
            "shareDistribution": [],
        } | fairshare

    def weight(self, share: str | None) -> float:
        """Give a share's weight factor; a lower one gets more of the queue.

        Args:
            share: A job's share identifier.

        Returns:
            The factor, 1 for a share that the policy does not name
            (https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html).

        """
        for entry in self.fairshare["shareDistribution"]:
            named = entry["shareIdentifier"]
            if share == named or (named.endswith("*") and (share or "").startswith(named[:-1])):
                return float(entry.get("weightFactor", 1))
        return 1

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the policy as DescribeSchedulingPolicies does."""
        return {"name": self.name, "arn": self.arn, "fairsharePolicy": self.fairshare, "tags": tags}

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "SchedulingPolicy":
        """Create the resource of a template."""
        properties = cloudformation_json["Properties"]
        request = template.members("CreateSchedulingPolicyRequest", properties)
        request["name"] = template.generated_name(resource_name)
        policy = create(backend_of(account_id, region_name), request)
        policy.properties = properties
        return policy

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "SchedulingPolicy",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "SchedulingPolicy":
        """Update in place, or replace when the name changed."""
        properties = cloudformation_json["Properties"]
        if template.changed(original_resource.properties, properties, ["Name"]):
            replacement = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            delete(backend_of(account_id, region_name), original_resource.arn)
            return replacement
        request = template.members("CreateSchedulingPolicyRequest", properties)
        original_resource.update(request.get("fairsharePolicy", {}))
        original_resource.properties = properties
        backend_of(account_id, region_name).set_tags(original_resource.arn, request.get("tags", {}))
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the resource; `resource_name` is its physical id."""
        delete(backend_of(account_id, region_name), resource_name)


def create(backend: "LocalBatch", request: dict[str, Any]) -> SchedulingPolicy:
    """Create a scheduling policy.

    Args:
        backend: Batch in the account and region.
        request: The CreateSchedulingPolicy request.

    Returns:
        The policy.

    Raises:
        ClientException: The request is wrong, or the name is taken.

    """
    request = checked("CreateSchedulingPolicy", request)
    limits.check_resource_name("name", request["name"])
    policy = SchedulingPolicy(backend, request["name"], request.get("fairsharePolicy", {}))
    with backend.lock:
        if policy.arn in backend.scheduling_policies:
            raise ClientException("Object already exists")
        backend.scheduling_policies[policy.arn] = policy
        backend.add_tags(policy.arn, request.get("tags", {}))
    return policy


def delete(backend: "LocalBatch", arn: str) -> None:
    """Delete a scheduling policy that no queue uses.

    Args:
        backend: Batch in the account and region.
        arn: The policy's ARN.

    Raises:
        ClientException: A queue uses it.

    """
    with backend.lock:
        if any(queue.policy_arn == arn for queue in backend.job_queues.values()):
            raise ClientException("Cannot delete, found existing JobQueue relationship")
        backend.scheduling_policies.pop(arn, None)
