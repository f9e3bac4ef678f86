"""Proof, before any task comes, that this instance can ask EC2 for space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, persist
from nextflow_worker.service import Service

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.settings import Settings


def prove(host: Host, settings: Settings, deadline: Deadline) -> None:
    """Ask for this instance's volumes: client, credentials, network and permission in one.

    Raises:
        Refusal: There is no answer in time; without one scratch could never grow.
    """
    ec2 = Service(host, settings.region, "ec2")
    mine = {"Name": "attachment.instance-id", "Values": [settings.instance_id]}
    persist(host, deadline, lambda: ec2.call("DescribeVolumes", Filters=[mine]))
