"""Takes away the host of a head, as a failure of EC2 would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nfbatch.proof import Proof

if TYPE_CHECKING:
    from nfbatch.run import Run
    from nfbatch.site import Site

_WHAT = "the head was lost"


def lose(site: Site, head: Run) -> Proof:
    """Terminates the instance on which a head runs, if nothing else runs on it.

    Args:
        site: The deployment.
        head: The head.

    Returns:
        Whether it did, and why not.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from nfbatch import aws_error  # noqa: PLC0415 - as above

    arn = head.job.get("container", {}).get("containerInstanceArn", "")
    # arn:aws:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html
    parts = arn.split("/")
    if len(parts) != len(("prefix", "cluster", "id")):
        return Proof(_WHAT, False, "Batch does not say on which instance the head runs")
    try:
        answer = site.client("ecs").describe_container_instances(
            cluster=parts[1], containerInstances=[arn]
        )
        (host,) = answer["containerInstances"] or [None]
        if host is None:
            return Proof(_WHAT, False, f"ECS does not know {arn}")
        others = host["runningTasksCount"] + host.get("pendingTasksCount", 0) - 1
        if others:
            return Proof(_WHAT, False, f"not tried: {others} other jobs run on the head's instance")
        site.client("ec2").terminate_instances(InstanceIds=[host["ec2InstanceId"]])
    except ClientError as error:
        return Proof(_WHAT, False, str(aws_error.translate(error, site.aws.profile)))
    return Proof(_WHAT, True, f"{host['ec2InstanceId']}, the head's instance, was terminated")
