"""Tells people, by one topic, what happens."""

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

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms


class Notifications(Construct):
    """A topic, and rules that publish events in words.

    An event has its job's command and environment; a notification has neither.

    Attributes:
        topic: Where the notifications go; subscribe what you like.
        undelivered: Where events go that could not be delivered, for 14 days.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        email: str | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        """Define topic and queue.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            email: Who is told; must confirm the subscription.
            key: Encrypts topic and undelivered events; EventBridge and CloudWatch must be allowed
                to use it, as they may use an `EncryptionKey`.
        """
        super().__init__(scope, construct_id)
        self.topic = self._make_topic(key)
        self.undelivered = self._make_undelivered(key)
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))

    def _make_topic(self, key: kms.IKey | None) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        stack = Stack.of(self)
        for service, resource in (("events", "rule/*"), ("cloudwatch", "alarm:*")):
            source = f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"Publish{service.capitalize()}",
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={
                        "StringEquals": {"aws:SourceAccount": stack.account},
                        "ArnLike": {"aws:SourceArn": source},
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

    def publish(self, rule: events.Rule, sentence: str) -> None:
        """Publish each event of a rule.

        Args:
            rule: The rule.
            sentence: What has happened; job, state and reason follow it.
        """
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
