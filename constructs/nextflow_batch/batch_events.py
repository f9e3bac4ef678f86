"""The events of Batch that concern a deployment, each a rule of EventBridge.

A rule also counts: CloudWatch has `TriggeredRules` of each rule.
https://docs.aws.amazon.com/batch/latest/userguide/cloudwatch_event_stream.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_events as events
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextflow_batch.notifications import Notifications

#: Of the reasons for which a queue is blocked, the one that a person can only wait out.
#: https://docs.aws.amazon.com/batch/latest/userguide/batch-queue-blocked-events.html
_CAPACITY = "CAPACITY:"
#: How Batch says that a job's instance is gone.
_LOST_HOST = "Host EC2"


class BatchEvents(Construct):
    """Rules for the events of a deployment's queues.

    Attributes:
        run_started: A head runs, at its first attempt or a later one.
        run_finished: A head has succeeded.
        run_failed: A head has failed for good.
        queue_blocked: The job at the head of a queue cannot start, and waiting does not help.
        no_capacity: It cannot start because EC2 has no such instances for now.
        host_lost: A job has lost its instance.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, queues: Sequence[str], head_definition: str
    ) -> None:
        """Define the rules.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            queues: ARNs of the queues.
            head_definition: ARN of the head's job definition, without its revision.
        """
        super().__init__(scope, construct_id)
        self._queues = list(queues)
        self._head = events.Match.prefix(f"{head_definition}:")
        self.run_started = self._run("RunStarted", "A head job runs", "RUNNING")
        self.run_finished = self._run("RunFinished", "A head job has succeeded", "SUCCEEDED")
        self.run_failed = self._run("HeadFailed", "A head job has failed", "FAILED")
        self.queue_blocked = self._rule(
            "QueueBlocked",
            "The job at the head of a queue cannot start",
            "Batch Job Queue Blocked",
            {"statusReason": [{"anything-but": {"prefix": _CAPACITY}}]},
        )
        self.no_capacity = self._rule(
            "NoCapacity",
            "EC2 has no instances for the job at the head of a queue",
            "Batch Job Queue Blocked",
            {"statusReason": events.Match.prefix(_CAPACITY)},
        )
        lost = events.Match.prefix(_LOST_HOST)
        self.host_lost = self._rule(
            "HostLost",
            "A job has lost its instance",
            "Batch Job State Change",
            # Batch repeats the job or not; later events of the job have the attempt as well.
            {
                "$or": [
                    {"status": ["RUNNABLE"], "attempts": {"statusReason": lost}},
                    {"status": ["FAILED"], "statusReason": lost},
                ]
            },
        )

    def _run(self, construct_id: str, description: str, status: str) -> events.Rule:
        detail = {"status": [status], "jobDefinition": self._head}
        return self._rule(construct_id, description, "Batch Job State Change", detail)

    def _rule(
        self, construct_id: str, description: str, detail_type: str, detail: dict[str, Any]
    ) -> events.Rule:
        return events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.batch"],
                detail_type=[detail_type],
                detail={"jobQueue": self._queues, **detail},
            ),
        )

    def notify(self, notifications: Notifications, *, successes: bool) -> None:
        """Tell people what happens.

        Args:
            notifications: Who is told.
            successes: Whether also when a run starts, and when it succeeds.
        """
        publish = notifications.publish
        if successes:
            publish(self.run_started, "A run of Nextflow has started, or its head has again.")
            publish(self.run_finished, "A run of Nextflow has succeeded.")
        publish(self.run_failed, "A run of Nextflow has failed.")
        waits = "The next job of a queue cannot start, and those behind it wait."
        publish(self.queue_blocked, waits)
        publish(self.no_capacity, f"{waits} EC2 has no instances for it now; Batch tries again.")
