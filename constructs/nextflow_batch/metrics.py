"""The metrics of a deployment: each has a program of ours or a service of AWS that emits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from aws_cdk import aws_lambda as lambda_

#: Of what workers (`assets/worker`) and functions (`assets/janitors`) emit.
NAMESPACE = "NextflowBatch"
PERIOD = Duration.minutes(5)


class Metrics:
    """Makes the metrics of one deployment.

    Args:
        deployment: Its name, their dimension.
    """

    def __init__(self, deployment: str) -> None:
        self._dimensions = {"deployment": deployment}

    def ours(
        self, name: str, label: str, *, statistic: str = "Sum", **more: str
    ) -> cloudwatch.Metric:
        """A metric that our programs emit.

        Args:
            name: Its name.
            label: What people read.
            statistic: How values of a period are put together.
            more: Further dimensions.
        """
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            label=label,
            statistic=statistic,
            period=PERIOD,
            dimensions_map={**self._dimensions, **more},
        )


def triggered(rule: events.IRule, label: str) -> cloudwatch.Metric:
    """How often a rule has matched an event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html

    Args:
        rule: The rule.
        label: What people read.
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="TriggeredRules",
        label=label,
        statistic="Sum",
        period=PERIOD,
        dimensions_map={"RuleName": rule.rule_name},
    )


def errors(function: lambda_.IFunction, label: str) -> cloudwatch.Metric:
    """How often a function has failed.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html

    Args:
        function: The function.
        label: What people read.
    """
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="Errors",
        label=label,
        statistic="Sum",
        period=PERIOD,
        dimensions_map={"FunctionName": function.function_name},
    )
