"""Says when something needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from nextflow_batch.acknowledgements import CUSTOMER_KEY, acknowledge
from nextflow_batch.arguments import check
from nextflow_batch.names import Email

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_batch as batch
    from aws_cdk import aws_kms as kms


class Operations(Construct):
    """Notifications of blocked queues and failed heads.

    The events are Batch's own:
    https://docs.aws.amazon.com/batch/latest/userguide/cloudwatch_event_stream.html
    They have the job's command and environment; a notification has neither.

    Attributes:
        topic: Where the notifications go; subscribe what you like.
        undelivered: Where events go that could not be delivered, for 14 days.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Sequence[batch.IJobQueue],
        head_definition: str,
        email: str | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        """Define topic and rules.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            queues: The queues to watch.
            head_definition: ARN of the head's job definition, without its revision.
            email: Who is told; must confirm the subscription.
            key: Encrypts topic and undelivered events; EventBridge must be allowed to use it, as
                it may use an `EncryptionKey`.

        Raises:
            ArgumentsError: The e-mail address is none.
        """
        check("Operations", email=(Email | None, email))
        super().__init__(scope, construct_id)
        self.topic = self._make_topic(key)
        self.undelivered = self._make_undelivered(key)
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        arns = [queue.job_queue_arn for queue in queues]
        self._notify(
            "QueueBlocked",
            "The job at the head of a queue cannot start",
            "The next job of a queue cannot start, and those behind it wait.",
            detail_type="Batch Job Queue Blocked",
            detail={"jobQueue": arns},
        )
        self._notify(
            "HeadFailed",
            "A head job has failed",
            "A run of Nextflow has failed.",
            detail_type="Batch Job State Change",
            detail={
                "jobQueue": arns,
                "status": ["FAILED"],
                "jobDefinition": events.Match.prefix(f"{head_definition}:"),
            },
        )

    def _make_topic(self, key: kms.IKey | None) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        stack = Stack.of(self)
        rules = stack.format_arn(service="events", resource="rule", resource_name="*")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublishNotifications",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": rules},
                },
            )
        )
        if key is None:
            reason = f"a notification has a job's name, state and reason, no data; {CUSTOMER_KEY}"
            acknowledge(topic, {"SNSEncryptedKMS": reason, "CKV_AWS_26": reason})
        return topic

    def _make_undelivered(self, key: kms.IKey | None) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(queue, {"AwsSolutions-SQS3": "it is the rules' dead-letter queue"})
        if key is None:
            reason = f"SQS encrypts with its own keys, which checkov does not count; {CUSTOMER_KEY}"
            acknowledge(queue, {"CKV_AWS_27": reason})
        return queue

    def _notify(
        self,
        construct_id: str,
        description: str,
        sentence: str,
        *,
        detail_type: str,
        detail: dict[str, object],
    ) -> None:
        rule = events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.batch"], detail_type=[detail_type], detail=detail
            ),
        )
        rule.add_target(
            targets.SnsTopic(
                # As imported: the target would allow EventBridge of any account to publish.
                sns.Topic.from_topic_arn(rule, "Topic", self.topic.topic_arn),
                message=events.RuleTargetInput.from_multiline_text(_message(sentence)),
                dead_letter_queue=self.undelivered,
            )
        )
        Annotations.of(rule).acknowledge_warning(
            "@aws-cdk/aws-events:ruleUnresolvedEnvironment", "topic and rule are in one stack"
        )


def _message(sentence: str) -> str:
    """The text of a notification: which job, its state, why."""
    job_id = events.EventField.from_path("$.detail.jobId")
    region = events.EventField.from_path("$.region")
    return "\n".join(
        [
            sentence,
            f"Job: {events.EventField.from_path('$.detail.jobName')} ({job_id})",
            f"State: {events.EventField.from_path('$.detail.status')}",
            f"Reason: {events.EventField.from_path('$.detail.statusReason')}",
            f"Queue: {events.EventField.from_path('$.detail.jobQueue')}",
            f"More: aws batch describe-jobs --region {region} --jobs {job_id} --query jobs[].tags",
        ]
    )
