"""Alarms: what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from nextflow_batch import metrics
from nextflow_batch.acknowledgements import acknowledge

if TYPE_CHECKING:
    from aws_cdk.aws_events import IRule

    from nextflow_batch.batch_events import BatchEvents
    from nextflow_batch.janitors import Janitors
    from nextflow_batch.notifications import Notifications

_IN_WORDS = "people get the event itself in words, with job and reason; the dashboard shows this"


class Alarms(Construct):
    """Alarms, each at the first of its events within five minutes.

    Those of Batch's events have no action, as `BatchEvents` tells people of each event.

    Attributes:
        all: The alarms.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        events: BatchEvents,
        janitors: Janitors,
        notifications: Notifications,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name of the deployment.
            events: What Batch tells.
            janitors: The functions, after all have been made.
            notifications: Who is told.
        """
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(notifications.topic)
        ours = metrics.Metrics(deployment)
        self.all = [
            self._of_event("FailedHead", "a head has failed", events.run_failed),
            self._of_event("BlockedQueue", "a queue is blocked", events.queue_blocked),
            self._of_event("NoCapacity", "EC2 has no capacity", events.no_capacity),
            self._of_metric(
                "FailedGrowth",
                "scratch of a worker could not grow: see its log stream for what to do",
                ours.ours("FailedGrowths", "failed growths"),
            ),
            self._of_metric(
                "RefusedBoot",
                "an instance refused to join its cluster: its log stream has the reason",
                ours.ours("RefusedBoots", "refused boots"),
            ),
            self._of_metric(
                "FailedJanitor",
                "a function failed or lacks a permission: its line in the log group says which",
                _errors(janitors),
            ),
        ]

    def _of_event(self, construct_id: str, text: str, rule: IRule) -> cloudwatch.Alarm:
        alarm = self._make(construct_id, text, metrics.triggered(rule, text))
        acknowledge(alarm, {"CloudWatchAlarmAction": _IN_WORDS})
        return alarm

    def _of_metric(
        self, construct_id: str, text: str, metric: cloudwatch.IMetric
    ) -> cloudwatch.Alarm:
        alarm = self._make(construct_id, text, metric)
        alarm.add_alarm_action(self._action)
        return alarm

    def _make(self, construct_id: str, text: str, metric: cloudwatch.IMetric) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=f"Nextflow on AWS Batch: {text}",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def _errors(janitors: Janitors) -> cloudwatch.MathExpression:
    """The errors of all functions together."""
    failed = {
        f"e{number}": metrics.errors(each.function, name)
        for number, (name, each) in enumerate(janitors.made.items())
    }
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in failed),
        label="failed functions",
        period=metrics.PERIOD,
        using_metrics=failed,
    )
