"""Deletes volumes that a crashed worker has left: of this deployment, attached to no instance.

Workers delete such volumes too, but only while there are workers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from nextflow_janitors import report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

NAME = "stray volumes"
DEPLOYMENT_TAG = "nextflow-batch:deployment"
#: A worker attaches a volume within seconds, or deletes it.
IN_USE_SOON = timedelta(hours=1)
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_NOT_STRAY = ("InvalidVolume.NotFound", "VolumeInUse")


def handler(_event: object, _context: object = None) -> report.Facts:
    """Handle a tick of the schedule."""
    environment = Environment.read()
    return report.run(NAME, environment.deployment, lambda: delete(environment, ec2=client("ec2")))


def delete(environment: Environment, *, ec2: Any, now: datetime | None = None) -> report.Facts:
    """Delete them.

    Args:
        environment: The deployment.
        ec2: A client.
        now: The time; the clock's when not given.

    Returns:
        The volumes, and their size in GiB.
    """
    wanted = {f"tag:{DEPLOYMENT_TAG}": environment.deployment, "status": "available"}
    pages = ec2.get_paginator("describe_volumes").paginate(
        Filters=[{"Name": name, "Values": [value]} for name, value in wanted.items()]
    )
    latest = (now or datetime.now(UTC)) - IN_USE_SOON
    old = [each for page in pages for each in page["Volumes"] if each["CreateTime"] < latest]
    deleted = [volume for volume in old if _delete(ec2, volume["VolumeId"])]
    return {
        "deleted": [volume["VolumeId"] for volume in deleted],
        "gib": sum(volume["Size"] for volume in deleted),
    }


def _delete(ec2: Any, volume: str) -> bool:
    """Delete a volume, unless a worker has just deleted it, or somebody has attached it."""
    try:
        ec2.delete_volume(VolumeId=volume)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_STRAY:
            raise
        return False
    return True
