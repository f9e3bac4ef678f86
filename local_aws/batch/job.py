"""A job: its states, its attempts and how DescribeJobs shows it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from local_aws.batch import container
from local_aws.batch.attempt import Attempt
from local_aws.batch.capacity import Demand
from local_aws.batch.clock import now
from local_aws.batch.container import Properties
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.job_queue import JobQueue

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = ("SUCCEEDED", "FAILED")
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")


@dataclass(kw_only=True, eq=False)
class Job:
    """One job, a child of an array job, or the parent of one.

    Attributes:
        id: The job id; `PARENT:INDEX` for a child of an array job.
        arn: Its ARN.
        name: The job's name.
        queue: Where it waits.
        definition: The revision it was submitted with.
        properties: The container properties after overrides; empty for an array job's parent.
        overrides_length: The length of the overrides as ECS counts it.
        parameters: The definition's parameters and the submission's.
        retry_strategy: `attempts` and `evaluateOnExit`.
        timeout: Seconds that an attempt may run, or None.
        propagate_tags: Whether tags go to the ECS task.
        share_identifier: The share of a fair-share queue.
        scheduling_priority: Its priority within the share.
        array_index: The index of an array job's child.
        array_size: The size of the array job that it is, or belongs to.
        children: The children of an array job.
        parent: The array job that a child belongs to.
        status: One of `STATES`.
        status_reason: Why it is in that state, where there is a reason.
        created_at: When it was submitted, in milliseconds since the epoch, as all its times.
        started_at: When its latest attempt became RUNNING; None before.
        stopped_at: When it ended; None before.
        is_cancelled: Whether it was cancelled before it started.
        is_terminated: Whether somebody asked to end it.
        history: Its attempts, the latest last.
        blocked_reason: Why it blocks the head of its queue; None if it does not.
    """

    id: str
    arn: str
    name: str
    queue: JobQueue
    definition: JobDefinition
    properties: Properties
    overrides_length: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    retry_strategy: dict[str, Any] = field(default_factory=lambda: {"attempts": 1})
    timeout: int | None = None
    propagate_tags: bool = False
    share_identifier: str | None = None
    scheduling_priority: int = 0
    array_index: int | None = None
    array_size: int | None = None
    children: list["Job"] = field(default_factory=list)
    parent: "Job | None" = None
    status: str = "SUBMITTED"
    status_reason: str | None = None
    created_at: int = field(default_factory=now)
    started_at: int | None = None
    stopped_at: int | None = None
    is_cancelled: bool = False
    is_terminated: bool = False
    history: list[Attempt] = field(default_factory=list)
    blocked_reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the job has reached a final state."""
        return self.status in ENDED

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.history[-1] if self.history else None

    @property
    def demand(self) -> Demand:
        """What one attempt needs."""
        vcpus, memory, gpus = (
            container.requirement(self.properties, kind) for kind in ("VCPU", "MEMORY", "GPU")
        )
        return Demand(vcpus, memory, gpus)

    def end(self, status: str, reason: str | None) -> None:
        """Put the job into a final state.

        Args:
            status: `SUCCEEDED` or `FAILED`.
            reason: The status reason.
        """
        self.status = status
        self.status_reason = reason
        self.stopped_at = now()

    def _flags(self) -> dict[str, bool]:
        flags = {"isCancelled": self.is_cancelled, "isTerminated": self.is_terminated}
        return {name: value for name, value in flags.items() if value}

    def _array(self) -> dict[str, Any]:
        if self.array_index is not None:
            return {"arrayProperties": {"index": self.array_index}}
        if self.array_size is None:
            return {}
        counts = Counter(child.status for child in self.children)
        return {
            "arrayProperties": {
                "size": self.array_size,
                "statusSummary": {state: counts[state] for state in STATES},
                "statusSummaryLastUpdatedAt": now(),
            }
        }

    def _common(self) -> dict[str, Any]:
        known = {
            "jobArn": self.arn,
            "jobId": self.id,
            "jobName": self.name,
            "status": self.status,
            "statusReason": self.blocked_reason or self.status_reason,
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "shareIdentifier": self.share_identifier,
            "jobDefinition": self.definition.arn,
        }
        return {name: value for name, value in known.items() if value is not None} | self._array()

    def summary(self) -> dict[str, Any]:
        """Show the job as ListJobs does."""
        shown = self._common() | self._flags()
        outcome = {} if self.attempt is None else self.attempt.outcome_members()
        if outcome:
            shown["container"] = outcome
        return shown

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the job as DescribeJobs does.

        Args:
            tags: The job's current tags.

        Returns:
            The members of `JobDetail`. Its model requires `startedAt`, which is 0 until the job
            runs.
        """
        shown = {"startedAt": 0} | self._common()
        shown |= {
            "jobQueue": self.queue.arn,
            "attempts": [attempt.describe() for attempt in self.history if attempt.ended],
            "retryStrategy": {"evaluateOnExit": []} | self.retry_strategy,
            "dependsOn": [],
            "parameters": self.parameters,
            "tags": tags,
            "propagateTags": self.propagate_tags,
            "platformCapabilities": self.definition.platform_capabilities,
            "eksAttempts": [],
            "isCancelled": self.is_cancelled,
            "isTerminated": self.is_terminated,
            "container": container.detail(self.properties)
            | ({} if self.attempt is None else self.attempt.container_members()),
        }
        if self.share_identifier is not None:
            shown["schedulingPriority"] = self.scheduling_priority
        if self.timeout is not None:
            shown["timeout"] = {"attemptDurationSeconds": self.timeout}
        return shown
