"""Proof, before any task comes, that this instance can order space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.growth import ebs_volumes
from nextflow_worker.service import Service, ServiceError

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.settings import Settings


def prove(host: Host, settings: Settings, deadline: Deadline) -> None:
    """Rehearse the order of a volume: client, credentials, network and permission in one.

    Raises:
        WorkerError: It would be refused, or there is no answer in time; scratch could never grow.
    """
    ec2 = Service(host, settings.region, "ec2")
    order = ebs_volumes.order(settings, "rehearsal", 1)
    retry(host, deadline, lambda: _rehearse(ec2, order))


def _rehearse(ec2: Service, order: dict[str, Any]) -> None:
    try:
        ec2.call("CreateVolume", **order, DryRun=True)
    except ServiceError as error:
        # A busy EC2 was reached; a fleet that refuses for that would ask it ever more.
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html (DryRun)
        if error.code != "DryRunOperation" and not (error.code and error.passing):
            raise
