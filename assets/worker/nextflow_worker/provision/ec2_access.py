"""Proof, before any task comes, that this instance can order space and use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextflow_worker import nvme
from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError
from nextflow_worker.growth import gp3
from nextflow_worker.growth.attachment_limit import instance_type
from nextflow_worker.growth.ebs_volumes import DEVICE_NAMES, EbsVolumes
from nextflow_worker.service import Service, ServiceError

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.settings import Settings

#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
DENIALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class Rehearsal:
    """EC2's operations by name, as `Ec2Calls` has them; each is asked for and none is done."""

    def __init__(self, host: Host, settings: Settings, deadline: Deadline) -> None:
        """Take EC2, and until when to ask."""
        self._host = host
        self._deadline = deadline
        self._ec2 = Service(host, settings.region, "ec2")

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask EC2 whether it would.

        Raises:
            WorkerError: It would not, or there is no answer in time.
        """
        arguments.pop("ClientToken", None)  # that of a volume which is made
        retry(self._host, self._deadline, lambda: self._ask(operation, arguments))
        return {"VolumeId": ""}

    def _ask(self, operation: str, arguments: dict[str, Any]) -> None:
        try:
            self._ec2.call(operation, **arguments, DryRun=True)
        except ServiceError as error:
            if error.code in DENIALS:
                said = str(error).partition(" Encoded authorization failure message")[0]
                message = f"the worker's role lacks ec2:{operation}: {said}"
                raise WorkerError(message) from error
            if not error.code:
                raise
            # A busy EC2 was reached; a fleet that refuses for that would ask it ever more.
            # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html (DryRun)
            granted = error.code == "DryRunOperation" or error.passing
            # The others are asked about a volume that is in use, which EC2 may remark.
            if not granted and operation == "CreateVolume":
                raise


def prove(host: Host, settings: Settings, deadline: Deadline) -> None:
    """Rehearse each call of a growth: client, credentials, network and permission in one.

    What attaches, binds, enlarges and ends a volume is asked about the launch template's, which
    has the same tag as those that a growth makes.

    Raises:
        WorkerError: One would be refused, or there is no answer in time; scratch could never grow.
    """
    calls = Rehearsal(host, settings, deadline)
    volumes = EbsVolumes(host, settings, calls)
    # As large as any may be: the role has the same limit, and must not have a smaller one.
    volumes.create("rehearsal", min(settings.scratch.max_size_gib, gp3.LARGEST_GIB))
    there = nvme.volumes(host)
    if not there:
        message = "this instance has no EBS volume"
        raise WorkerError(message)
    volume_id = there[max(there)]
    volumes.attach(volume_id)
    volumes.delete_on_termination(volume_id, DEVICE_NAMES[0])
    volumes.modify(volume_id, settings.scratch.max_size_gib)
    volumes.detach(volume_id)
    volumes.delete(volume_id)
    volumes.describe(volume_id)
    volumes.modification(volume_id)
    calls.call("DescribeInstanceTypes", InstanceTypes=[instance_type(host) or "m6i.large"])
