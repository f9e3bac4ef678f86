"""What the roles of a deployment needed while pipelines ran: tests/data/role_calls.jsonl.

One line for each action, resource and set of condition keys, with the names of `testbed.roles`.
What differs from run to run is cut: ids, hashes, attempts.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stacks import paths
from testbed.roles import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_aws.server import LocalAws

FILE = paths.ROOT / "tests" / "data" / "role_calls.jsonl"
#: Who calls, by the first product of `User-Agent`.
_CALLERS = {
    "Boto3": "the head",
    "ECS agent": "the ECS agent",
    "aws-sdk-java": "Nextflow",
    "aws-sdk-go-v2": "the tasks' S3 client",
}
_PASSING = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "ID"),
    (re.compile(r"/work/[0-9a-f]{2}/[0-9a-f]{30}\b"), "/work/HASH"),
    (re.compile(r"local-aws-[0-9a-f]+-"), ""),
    (re.compile(r"\b20\d\d-\d\d-\d\dT[\d:.]+Z"), "TIME"),
]
_TYPES = {"AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::IAM::Role", "AWS::KMS::Key"}


@dataclass(frozen=True)
class RoleCall:
    """One thing that a role needed.

    Attributes:
        role: The role's stand-in.
        action: The action.
        resource: The resource's ARN, or `*`.
        caller: The program that called.
        keys: The condition keys that the request brought; None for those that it did not have.
    """

    role: str
    action: str
    resource: str
    caller: str
    keys: dict[str, str | None]


def read() -> list[RoleCall]:
    """Read the file."""
    return [RoleCall(**json.loads(line)) for line in FILE.read_text().splitlines()]


def write(calls: Iterable[RoleCall]) -> None:
    """Write the file, sorted."""
    lines = {json.dumps(asdict(call)) for call in calls}
    FILE.write_text("".join(f"{line}\n" for line in sorted(lines)))


def of(aws: LocalAws) -> list[RoleCall]:
    """Return what the roles of the stacks on a local AWS with access control needed and could."""
    assert aws.access_control is not None
    names = _names(aws)
    roles = {name for name in names.values() if name.endswith("Role")}

    def cut(text: str) -> str:
        for physical, name in names.items():
            text = text.replace(physical, name)
        for pattern, replacement in _PASSING:
            text = pattern.sub(replacement, text)
        return text

    return [
        RoleCall(
            role,
            call.action,
            cut(call.resource),
            _CALLERS.get(call.program, call.program),
            {key: value and cut(value) for key, value in call.keys},
        )
        for call in aws.access_control.recorded
        if not call.denied and (role := cut(call.role.rpartition("/")[2])) in roles
    ]


def _names(aws: LocalAws) -> dict[str, str]:
    """The stand-ins of what the stacks made, by physical name, the longest first."""
    client: Any = aws.client("cloudformation")
    found = {
        item["PhysicalResourceId"]: stand_in(item["LogicalResourceId"])
        for stack in client.describe_stacks()["Stacks"]
        if stack["StackName"] != "CDKToolkit"
        for item in client.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
        if item["ResourceType"] in _TYPES
    }
    return dict(sorted(found.items(), key=lambda entry: -len(entry[0])))
