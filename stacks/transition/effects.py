"""What an update of the batch stack does to jobs, and of the data stack to data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stacks.transition.template import StackTemplate, references

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENVIRONMENT = "AWS::Batch::ComputeEnvironment"
_QUEUE = "AWS::Batch::JobQueue"
_LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
_SCALING = {"MinvCpus", "MaxvCpus", "DesiredvCpus"}
#: What holds data, or without which data cannot be read.
_DATA = {
    "AWS::S3::Bucket": "bucket",
    "AWS::KMS::Key": "key",
    "AWS::Logs::LogGroup": "log group",
}


@dataclass(frozen=True)
class Effect:
    """What an update does to a compute environment or to a queue.

    Attributes:
        kind: Which of the two.
        name: Its name in the settings.
        physical_id: Its ARN.
        action: `waits`: jobs may go on for `minutes`, and the update waits for them; `ends`: jobs
            are terminated.
        minutes: How long.
    """

    kind: Literal["compute environment", "queue"]
    name: str
    physical_id: str
    action: Literal["waits", "ends"]
    minutes: int = 0


def on_jobs(old: StackTemplate, new: StackTemplate) -> list[Effect]:
    """What an update does to jobs, if any run."""
    gone = old.removed_by(new) | old.replaced_by(new)
    return [*_ended(old, gone), *_updated(old, new, gone)]


def _ended(old: StackTemplate, gone: set[str]) -> Iterator[Effect]:
    for logical_id in sorted(gone):
        resource = old.resources[logical_id]
        if resource["Type"] == _ENVIRONMENT:
            name = _environment_name(resource, logical_id)
            yield Effect("compute environment", name, old.ids.get(logical_id, ""), "ends")
        elif resource["Type"] == _QUEUE:
            name = resource["Properties"].get("JobQueueName", logical_id)
            yield Effect("queue", name, old.ids.get(logical_id, ""), "ends")


def _updated(old: StackTemplate, new: StackTemplate, gone: set[str]) -> Iterator[Effect]:
    """https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html."""
    moved = gone | {
        name for name in old.changed_by(new) if new.resources[name]["Type"] == _LAUNCH_TEMPLATE
    }
    for logical_id, resource in new.resources.items():
        if (
            resource["Type"] != _ENVIRONMENT
            or logical_id not in old.resources
            or (logical_id in gone)
        ):
            continue
        before = old.resources[logical_id]["Properties"]["ComputeResources"]
        after = resource["Properties"]["ComputeResources"]
        differs = {key for key in before | after if before.get(key) != after.get(key)}
        if differs - _SCALING or references(after) & moved:
            minutes = (
                resource["Properties"].get("UpdatePolicy", {}).get("JobExecutionTimeoutMinutes", 30)
            )
            name = _environment_name(resource, logical_id)
            yield Effect(
                "compute environment", name, old.ids.get(logical_id, ""), "waits", int(minutes)
            )


def _environment_name(resource: dict[str, Any], logical_id: str) -> str:
    tag = str(resource["Properties"]["ComputeResources"].get("Tags", {}).get("Name", logical_id))
    return tag.removeprefix("batch-").removesuffix("-worker")


def on_data(old: StackTemplate, new: StackTemplate) -> list[str]:
    """What an update would delete for good, as in `bucket nextflow-lab-data-…`."""
    found = []
    replaced = old.replaced_by(new)
    for logical_id in sorted(old.removed_by(new) | replaced):
        resource = old.resources[logical_id]
        policy = (
            new.resources[logical_id].get("UpdateReplacePolicy", "Delete")
            if logical_id in replaced
            else resource.get("DeletionPolicy", "Delete")
        )
        if resource["Type"] in _DATA and policy == "Delete":
            found.append(f"{_DATA[resource['Type']]} {old.ids.get(logical_id, logical_id)}")
    return found
