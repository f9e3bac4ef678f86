"""A stack: what it consists of and what happened to it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from local_aws.cloudformation.revision import Revision
from local_aws.cloudformation.template import Declaration


@dataclass
class Resource:
    """A resource that a stack has made.

    Attributes:
        declaration: What the template says of it.
        physical_id: What `Ref` gives.
        properties: Its properties, every function resolved.
        whole: Whether it was made to the end; a failed one is made anew.
    """

    declaration: Declaration
    physical_id: str
    properties: dict[str, Any]
    status: str = "CREATE_IN_PROGRESS"
    reason: str | None = None
    whole: bool = True
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def logical_id(self) -> str:
        """The resource's name in the template."""
        return self.declaration.logical_id

    @property
    def type(self) -> str:
        """The resource's type, such as `AWS::S3::Bucket`."""
        return self.declaration.type


@dataclass
class Stack:
    """One stack.

    Attributes:
        revision: What it was last brought to; `None` before the first.
        resources: By logical id.
        events: The oldest first.
        outputs: As DescribeStacks shows them.
        imports: Names of other stacks' exports that it uses.
    """

    name: str
    stack_id: str
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    revision: Revision | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, str]] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    role_arn: str | None = None
    capabilities: list[str] = field(default_factory=list)
    notification_arns: list[str] = field(default_factory=list)
    protected: bool = False
    disable_rollback: bool = False
    request_token: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None

    @property
    def exports(self) -> dict[str, str]:
        """The values it exports, by name."""
        return exports_of(self.outputs)

    def enter(self, status: str, reason: str | None = None) -> None:
        """Puts the stack as a whole into a status and records the event."""
        self.status = status
        self.reason = reason
        self._record(self.name, self.stack_id, "AWS::CloudFormation::Stack", status, reason)

    def note(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Puts a resource into a status and records the event."""
        resource.status = status
        resource.reason = reason
        resource.changed = datetime.now(UTC)
        self._record(resource.logical_id, resource.physical_id, resource.type, status, reason)

    def _record(
        self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None
    ) -> None:
        self.events.append(
            {
                "ClientRequestToken": self.request_token,
                "EventId": str(uuid4()),
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ResourceType": kind,
                "StackId": self.stack_id,
                "StackName": self.name,
                "Timestamp": self._next_instant(),
            }
        )

    def _next_instant(self) -> datetime:
        """Returns the time, at least a millisecond after the last event: readers sort by it."""
        now = datetime.now(UTC)
        if self.events:
            now = max(now, self.events[-1]["Timestamp"] + timedelta(milliseconds=1))
        return now

    def description(self) -> dict[str, Any]:
        """Returns the stack as DescribeStacks shows it."""
        revision = self.revision
        parameters = revision.parameters.values() if revision else []
        tags = revision.tags.items() if revision else []
        return {
            "Capabilities": self.capabilities,
            "CreationTime": self.created,
            "DeletionTime": self.deleted,
            "Description": revision.template.description if revision else None,
            "DisableRollback": self.disable_rollback,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "EnableTerminationProtection": self.protected,
            "LastUpdatedTime": self.updated,
            "NotificationARNs": self.notification_arns,
            "Outputs": self.outputs,
            "Parameters": [parameter.description() for parameter in parameters],
            "RoleARN": self.role_arn,
            "RollbackConfiguration": {},
            "StackId": self.stack_id,
            "StackName": self.name,
            "StackStatus": self.status,
            "StackStatusReason": self.reason,
            "Tags": [{"Key": key, "Value": value} for key, value in tags],
        }


def exports_of(outputs: list[dict[str, str]]) -> dict[str, str]:
    """Returns the values that outputs export, by the name of the export."""
    return {
        output["ExportName"]: output["OutputValue"] for output in outputs if "ExportName" in output
    }
