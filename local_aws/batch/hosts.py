"""The instances under jobs, as ECS and EC2 tell of them: one for each attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instances import InstanceBackend
from moto.ecs.models import EC2ContainerServiceBackend

from local_aws.batch.service import batch_of

if TYPE_CHECKING:
    from local_aws.batch.execution import Execution

_RUNNING = {"Code": 16, "Name": "running"}
_describe_of_moto = EC2ContainerServiceBackend.describe_container_instances
_terminate_of_moto = InstanceBackend.terminate_instances


@dataclass(frozen=True)
class _ContainerInstance:
    """What moto's answer shows of it."""

    container_instance_arn: str
    ec2_instance_id: str
    status: str = "ACTIVE"
    agent_connected: bool = True
    running_tasks_count: int = 1
    pending_tasks_count: int = 0


@dataclass(frozen=True)
class _Instance:
    """What moto's answer shows of it."""

    id: str


def install() -> None:
    """Has ECS describe the instances under jobs, and EC2 terminate them with their jobs."""
    EC2ContainerServiceBackend.describe_container_instances = _describe
    InstanceBackend.terminate_instances = _terminate


def _describe(
    ecs: EC2ContainerServiceBackend, cluster: str, arns: list[str]
) -> tuple[list[Any], list[Any]]:
    ours = {
        execution.attempt.container_members()["containerInstanceArn"]: execution
        for execution in _executions(ecs)
    }
    found: list[Any] = [
        _ContainerInstance(arn, ours[arn].attempt.instance_id) for arn in arns if arn in ours
    ]
    others = [arn for arn in arns if arn not in ours]
    if found and not others:
        return found, []
    known, failures = _describe_of_moto(ecs, cluster, others)
    return [*found, *known], failures


def _terminate(ec2: Any, ids: list[str]) -> list[tuple[Any, Any]]:
    ours = {execution.attempt.instance_id: execution for execution in _executions(ec2)}
    others = [each for each in ids if each not in ours]
    ended: list[tuple[Any, Any]] = []
    if others or not ids:
        # First, as EC2 terminates none if it does not know one of them.
        ended += _terminate_of_moto(ec2, others)
    for each in ids:
        if each in ours:
            ours[each].lose_host()
            ended.append((_Instance(each), _RUNNING))
    return ended


def _executions(backend: Any) -> list[Execution]:
    """The runs of all jobs in the account and region of one of moto's backends."""
    return batch_of(backend.account_id, backend.region_name).scheduler.executions()
