"""Why no worker takes a job: launches, Spot requests, instances, and the ECS clusters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nfbatch import output
from nfbatch import site as sites
from nfbatch.doctor import instance_types, network, state_causes
from nfbatch.doctor.cause import recognise
from nfbatch.doctor.launch_causes import LAUNCH

if TYPE_CHECKING:
    from nfbatch.doctor.cause import Finding
    from nfbatch.doctor.question import Questions

#: What happened earlier says nothing about a job that waits now.
_RECENT_MINUTES = 60
#: So long a worker may take to join; the measured boot takes less.
BOOT_MINUTES = 10
_LISTED_AT_ONCE = 100


def why(
    questions: Questions, environments: list[dict[str, Any]], known: dict[str, Any]
) -> Finding | None:
    """Why the environments have no worker for a job.

    Args:
        questions: Asks AWS.
        environments: Those of the job's queue.
        known: Values of the names in sentences.

    Returns:
        None if nothing is known to be wrong.
    """
    activities = questions.ask(
        "launches of instances",
        "autoscaling:DescribeScalingActivities",
        lambda: questions.site.client("autoscaling").describe_scaling_activities(
            MaxRecords=_LISTED_AT_ONCE
        )["Activities"],
    )
    for environment in environments:
        names = {**known, "environment": environment["computeEnvironmentName"]}
        found = _launches(activities or [], names)
        if found is None and sites.is_spot(environment):
            found = _spot(questions, environment, names)
        if found is not None:
            return found
    return _instances(questions, known)


def _launches(activities: list[dict[str, Any]], known: dict[str, Any]) -> Finding | None:
    """Failed launches, from the newest one back to the last that succeeded."""
    for activity in activities:
        # Batch names the group after its environment.
        if known["environment"] not in activity["AutoScalingGroupName"] or not _is_recent(
            activity["StartTime"]
        ):
            continue
        if activity["StatusCode"] == "Successful":
            return None
        text = f"{activity.get('StatusMessage', '')} {activity.get('Description', '')}"
        if found := recognise(LAUNCH, text, known):
            return found
    return None


def _spot(
    questions: Questions, environment: dict[str, Any], known: dict[str, Any]
) -> Finding | None:
    """Spot requests that are not fulfilled; then, whether the zones offer the types at all."""
    resources = sites.resources(environment)
    ec2 = questions.site.client("ec2")
    filters = [
        {"Name": "launch.group-id", "Values": resources.get("securityGroupIds", [])},
        {"Name": "state", "Values": ["open", "failed"]},
    ]
    requests = questions.ask(
        "Spot requests",
        "ec2:DescribeSpotInstanceRequests",
        lambda: ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"],
    )
    for request in requests or []:
        status = request.get("Status", {})
        text = f"{status.get('Code', '')} {status.get('Message', '')}"
        if found := recognise(LAUNCH, text, known):
            return found
    types = instance_types.patterns(environment)
    zones = sorted({subnet["AvailabilityZone"] for subnet in questions.site.subnets})
    if not types or not zones:
        return None
    prices = questions.ask(
        "Spot prices",
        "ec2:DescribeSpotPriceHistory",
        lambda: ec2.describe_spot_price_history(
            ProductDescriptions=["Linux/UNIX"],
            # The prices that are in force now.
            StartTime=datetime.now(UTC),
            Filters=[
                {"Name": "availability-zone", "Values": zones},
                {"Name": "instance-type", "Values": types},
            ],
        )["SpotPriceHistory"],
    )
    if prices == []:
        return state_causes.SPOT_NOT_OFFERED.finding({**known, "zones": ", ".join(zones)})
    return None


def _instances(questions: Questions, known: dict[str, Any]) -> Finding | None:
    site = questions.site
    filters = [{"Name": f"tag:{sites.DEPLOYMENT_TAG}", "Values": [site.deployment.name]}]
    reservations = questions.ask(
        "instances",
        "ec2:DescribeInstances",
        lambda: site.client("ec2").describe_instances(Filters=filters)["Reservations"],
    )
    instances = [each for one in reservations or [] for each in one["Instances"]]
    living = [each for each in instances if each["State"]["Name"] in ("pending", "running")]
    known = {**known, "environment": known["environments"]}
    if not living:
        return _ended_at_start(instances, known)
    joined = _joined(questions)
    if joined is None:
        return None
    outside = [each for each in living if each["InstanceId"] not in joined]
    if outside and len(outside) == len(living):
        return _outside(questions, outside[0], known)
    return _in_clusters(list(joined.values()), known)


def _ended_at_start(instances: list[dict[str, Any]], known: dict[str, Any]) -> Finding | None:
    for instance in instances:
        reason = instance.get("StateReason", {})
        if _is_recent(instance["LaunchTime"]):
            text = f"{reason.get('Code', '')} {reason.get('Message', '')}"
            names = {**known, "instance": instance["InstanceId"]}
            if found := recognise(LAUNCH, text, names):
                return found
    return None


def _joined(questions: Questions) -> dict[str, dict[str, Any]] | None:
    """The container instances of all clusters, by instance; None if they cannot be asked for."""
    ecs = questions.site.client("ecs")

    def described() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for environment in questions.site.environments:
            cluster = environment.get("ecsClusterArn")
            pages = ecs.get_paginator("list_container_instances").paginate(cluster=cluster)
            for page in pages if cluster else []:
                if arns := page["containerInstanceArns"]:
                    answer = ecs.describe_container_instances(
                        cluster=cluster, containerInstances=arns
                    )
                    found += answer["containerInstances"]
        return found

    answer = questions.ask("ECS clusters", "ecs:ListContainerInstances", described)
    return None if answer is None else {each["ec2InstanceId"]: each for each in answer}


def _outside(questions: Questions, instance: dict[str, Any], known: dict[str, Any]) -> Finding:
    minutes = _minutes_since(instance["LaunchTime"])
    names = {**known, "instance": instance["InstanceId"], "minutes": minutes}
    if minutes < BOOT_MINUTES:
        return state_causes.WORKER_STARTING.finding(names)
    found = questions.ask(
        "subnets", "ec2:DescribeRouteTables", lambda: list(network.obstacles(questions.site))
    )
    if found:
        return state_causes.NO_WAY_OUT.finding({**names, "text": found[0]})
    return state_causes.WORKER_NOT_JOINED.finding(names)


def _in_clusters(joined: list[dict[str, Any]], known: dict[str, Any]) -> Finding | None:
    if all(not each["agentConnected"] for each in joined):
        return state_causes.AGENT_DISCONNECTED.finding(
            {**known, "instance": joined[0]["ec2InstanceId"]}
        )
    if all(each["status"] == "DRAINING" for each in joined):
        return state_causes.WORKER_DRAINING.finding(known)
    return None


def _minutes_since(moment: datetime) -> int:
    return (output.now() - round(moment.timestamp() * 1000)) // 60_000


def _is_recent(moment: datetime) -> bool:
    return _minutes_since(moment) < _RECENT_MINUTES
