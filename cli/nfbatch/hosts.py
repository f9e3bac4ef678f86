"""The instance types of container instances, as long as ECS knows them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nfbatch.aws import Aws

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html
_DESCRIBED_AT_ONCE = 100
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-constraints.html
_TYPE = "ecs.instance-type"


def types(aws: Aws, hosts: Iterable[str]) -> dict[str, str]:
    """The instance type of each container instance that is still registered.

    Args:
        aws: The account and region.
        hosts: Their ARNs.
    """
    of_cluster: defaultdict[str, list[str]] = defaultdict(list)
    for host in sorted(set(hosts)):
        of_cluster[host.split("/")[1]].append(host)
    found: dict[str, str] = {}
    ecs = aws.client("ecs")
    for cluster, arns in of_cluster.items():
        for at in range(0, len(arns), _DESCRIBED_AT_ONCE):
            try:
                answer = ecs.describe_container_instances(
                    cluster=cluster, containerInstances=arns[at : at + _DESCRIBED_AT_ONCE]
                )
            except ecs.exceptions.ClientError:
                # Such as without permission, or of an environment that is gone: the estimate says
                # for how much of it the type is known.
                break
            for instance in answer["containerInstances"]:
                for attribute in instance.get("attributes", []):
                    if attribute["name"] == _TYPE:
                        found[instance["containerInstanceArn"]] = attribute["value"]
    return found
