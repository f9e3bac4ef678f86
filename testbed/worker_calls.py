"""What a worker's own programs call, found by letting them run on an emulated machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_aws.iam.access_control import context_of
from local_aws.iam.call import Call
from local_aws.server import ACCOUNT
from nextflow_worker.deadline import Deadline
from nextflow_worker.growth.ebs_volumes import DEPLOYMENT_TAG
from nextflow_worker.growth.orphans import ORPHAN_SECONDS
from nextflow_worker.growth.volume_growth import GROW_SECONDS
from nextflow_worker.provision import ec2_access
from nextflow_worker.service import Service
from testbed.emulated_ec2 import refusal
from testbed.scratch import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_aws.iam.evaluation import Principal

Settings = dict[str, Any]
REGION = "us-west-2"
LOG_GROUP = "StorageLogs"


class _Logs(Service):
    """A CloudWatch Logs that takes everything."""

    def __init__(self) -> None:
        """Take nothing yet."""

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return {}


class WorkerCalls:
    """The calls of boots and daemons of one deployment.

    Attributes:
        calls: Service, operation and arguments.
    """

    def __init__(self, folder: Path, deployment: str) -> None:
        """Let workers boot, grow, fail to grow, and clean up."""
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self._volumes: dict[str, dict[str, str]] = {}
        self._deployment = deployment
        for number, life in enumerate((_boot, _grow, _enlarge, _give_up, _sweep, _drain)):
            bed = Testbed(folder / str(number))
            bed.logs = _Logs()
            for name, service in (("ec2", bed.ec2), ("ecs", bed.ecs), ("logs", bed.logs)):
                self._listen(name, service)
            life(bed, {"deployment": deployment, "log_group": LOG_GROUP})
            assert bed.watch.metrics
            bed.watch.metrics.send()
            for words, arguments in bed.machine.asked:
                self.calls.append((words[-2], words[-1], arguments))
            self._keep_tags(bed)

    def of(self, principal: Principal, cluster: str) -> list[Call]:
        """Return them as the calls of a worker with this role, in a cluster."""
        # As the ECS agent introduces itself.
        instance = f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{cluster}/1"
        identity = {"cluster": cluster, "containerInstances": [instance]}
        own = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123"
        context = {**context_of(principal, REGION, source=""), "ec2:SourceInstanceARN": own}
        return [
            Call(
                service,
                operation,
                {**arguments, **(identity if service == "ecs" else {})},
                ACCOUNT,
                REGION,
                context,
                self._tags,
            )
            for service, operation, arguments in self.calls
        ]

    def _listen(self, name: str, service: Service) -> None:
        answer: Callable[..., dict[str, Any]] = service.call

        def call(operation: str, **arguments: Any) -> dict[str, Any]:
            self.calls.append((name, operation, arguments))
            return answer(operation, **arguments)

        service.call = call  # type: ignore[method-assign]

    def _keep_tags(self, bed: Testbed) -> None:
        for volume in bed.ec2.volumes.values():
            # The launch template's volumes carry the deployment's tag.
            specifications = volume.request.get("TagSpecifications", [])
            tags = [tag for each in specifications for tag in each["Tags"]]
            own = {tag["Key"]: tag["Value"] for tag in tags} or {DEPLOYMENT_TAG: self._deployment}
            self._volumes[volume.id] = own

    def _tags(self, arn: str) -> dict[str, str]:
        return self._volumes.get(arn.rpartition("/")[2], {})


def _boot(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings)
    ec2_access.prove(bed.machine, bed.settings, Deadline(bed.machine, 60))


def _grow(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings)
    bed.grow()


def _enlarge(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings, max_volumes=1)
    bed.grow()


def _give_up(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings)
    bed.ec2.devices_appear = False
    bed.ec2.refuse = {"ModifyVolume": refusal("UnauthorizedOperation")}
    bed.machine.used_gib = 99
    bed.run(GROW_SECONDS + 60)


def _sweep(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings)
    bed.ec2.refuse = {
        "AttachVolume": refusal("Unavailable"),
        "DeleteVolume": refusal("Unavailable"),
    }
    bed.machine.used_gib = 99
    bed.run(30)
    bed.ec2.refuse = {}
    bed.machine.used_gib = 0
    bed.machine.pause(ORPHAN_SECONDS + 60)
    bed.start(**settings)
    bed.run_until_quiet()


def _drain(bed: Testbed, settings: Settings) -> None:
    bed.start(**settings)
    for operation in ("CreateVolume", "ModifyVolume"):
        bed.ec2.refuse[operation] = refusal("VolumeLimitExceeded")
    bed.machine.used_gib = 99
    bed.run(600)
