"""Says when something needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from nextflow_batch.arguments import check
from nextflow_batch.names import Email

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_batch as batch


class Operations(Construct):
    """Notifications of blocked queues and failed heads.

    The events are Batch's own:
    https://docs.aws.amazon.com/batch/latest/userguide/cloudwatch_event_stream.html

    Attributes:
        topic: Where the notifications go; subscribe what you like.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Sequence[batch.IJobQueue],
        head_definition: str,
        email: str | None = None,
    ) -> None:
        """Define topic and rules.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            queues: The queues to watch.
            head_definition: ARN of the head's job definition, without its revision.
            email: Who is told; must confirm the subscription.

        Raises:
            ArgumentsError: The e-mail address is none.
        """
        check("Operations", email=(Email | None, email))
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        arns = [queue.job_queue_arn for queue in queues]
        self._notify(
            "QueueBlocked",
            "The job at the head of a queue cannot start",
            detail_type="Batch Job Queue Blocked",
            detail={"jobQueue": arns},
        )
        self._notify(
            "HeadFailed",
            "A head job has failed",
            detail_type="Batch Job State Change",
            detail={
                "jobQueue": arns,
                "status": ["FAILED"],
                "jobDefinition": events.Match.prefix(f"{head_definition}:"),
            },
        )

    def _notify(
        self, construct_id: str, description: str, *, detail_type: str, detail: dict[str, object]
    ) -> None:
        events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.batch"], detail_type=[detail_type], detail=detail
            ),
            targets=[targets.SnsTopic(self.topic)],
        )
