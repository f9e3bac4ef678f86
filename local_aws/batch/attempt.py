"""One attempt of a job, as DescribeJobs shows it."""

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.place import Place

EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@dataclass(kw_only=True, eq=False)
class Attempt:
    """Where a job ran once, and how that ended.

    Attributes:
        place: The account and region.
        environment: Where it was placed.
        number: 1 for the job's first.
        instance_id: The EC2 instance that it would run on.
        task_id: The id of its ECS task.
        started_at: When it became RUNNING, in milliseconds; None before.
        stopped_at: When it ended; None before.
        exit_code: The container's exit code; None if it has none.
        reason: The container's reason.
        status_reason: Why it ended.
        timed_out: Whether the job's timeout ended it.
        log_stream: The name of its log stream, once it has one.
    """

    place: Place
    environment: ComputeEnvironment
    number: int
    instance_id: str = field(default_factory=lambda: f"i-{secrets.token_hex(9)[:17]}")
    task_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: int | None = None
    stopped_at: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    status_reason: str | None = None
    timed_out: bool = False
    log_stream: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the attempt is over."""
        return self.stopped_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether the container exited with 0 of its own accord."""
        return self.exit_code == 0 and self.status_reason == EXITED

    def outcome_members(self) -> dict[str, Any]:
        """Show the members of `ContainerSummary`."""
        shown = {"exitCode": self.exit_code, "reason": self.reason}
        return {name: value for name, value in shown.items() if self.ended and value is not None}

    def container_members(self) -> dict[str, Any]:
        """Show what both `ContainerDetail` and `AttemptContainerDetail` have."""
        prefix = f"arn:{self.place.partition}:ecs:{self.place.region}:{self.place.account_id}"
        cluster = self.environment.cluster_name
        host = uuid.uuid5(uuid.NAMESPACE_OID, self.instance_id).hex
        shown: dict[str, Any] = {
            "containerInstanceArn": f"{prefix}:container-instance/{cluster}/{host}",
            "taskArn": f"{prefix}:task/{cluster}/{self.task_id}",
            "networkInterfaces": [],
        }
        if self.log_stream is not None and self.started_at is not None:
            shown["logStreamName"] = self.log_stream
        return shown | self.outcome_members()

    def describe(self) -> dict[str, Any]:
        """Show the attempt as DescribeJobs does."""
        shown: dict[str, Any] = {
            "container": self.container_members(),
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "statusReason": self.status_reason,
            "taskProperties": [],
        }
        return {name: value for name, value in shown.items() if value is not None}
