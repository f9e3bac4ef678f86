"""The operations on scheduling policies."""

from typing import Any

from local_aws.batch import limits
from local_aws.batch.errors import ClientException
from local_aws.batch.scheduling_policy import SchedulingPolicy
from local_aws.batch.service import Batch

Json = dict[str, Any]


def create(batch: Batch, request: Json) -> Json:
    """CreateSchedulingPolicy."""
    state = batch.state
    limits.check_resource_name("name", request["name"])
    policy = SchedulingPolicy(state.place, request)
    with state.lock:
        if policy.arn in state.scheduling_policies:
            raise ClientException("Object already exists")
        state.scheduling_policies[policy.arn] = policy
        state.add_tags(policy.arn, request.get("tags", {}))
    return {"name": policy.name, "arn": policy.arn}


def update(batch: Batch, request: Json) -> Json:
    """UpdateSchedulingPolicy."""
    policy = batch.state.scheduling_policies.get(request["arn"])
    if policy is None:
        raise ClientException(f"{request['arn']} does not exist")
    policy.update(request.get("fairsharePolicy", {}))
    return {}


def delete(batch: Batch, request: Json) -> Json:
    """DeleteSchedulingPolicy: of one that no queue uses."""
    state = batch.state
    with state.lock:
        if any(queue.policy_arn == request["arn"] for queue in state.job_queues.values()):
            raise ClientException("Cannot delete, found existing JobQueue relationship")
        state.scheduling_policies.pop(request["arn"], None)
    return {}


def describe(batch: Batch, request: Json) -> Json:
    """DescribeSchedulingPolicies; unknown ARNs are left out."""
    state = batch.state
    found = [state.scheduling_policies.get(arn) for arn in request["arns"]]
    policies = [item.describe(state.tags_of(item.arn)) for item in found if item is not None]
    return {"schedulingPolicies": policies}
