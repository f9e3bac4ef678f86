"""One page that shows how a deployment is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from nextflow_batch import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextflow_batch.batch_events import BatchEvents

_TASKS = {
    "TasksSubmitted": "submitted",
    "TasksPending": "pending",
    "TasksRunnable": "runnable: wait for an instance",
    "TasksStarting": "starting",
    "TasksRunning": "running",
}


class Dashboard(Construct):
    """A dashboard in CloudWatch.

    Attributes:
        dashboard: The dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        environments: Sequence[str],
        events: BatchEvents,
        alarms: Sequence[cloudwatch.IAlarm],
        counts_jobs: bool,
    ) -> None:
        """Define it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name of the deployment.
            environments: Names of the compute environments, as in the settings.
            events: What Batch tells.
            alarms: What needs a person.
            counts_jobs: Whether jobs and vCPUs are counted.
        """
        super().__init__(scope, construct_id)
        ours = metrics.Metrics(deployment)
        self.dashboard = cloudwatch.Dashboard(self, "Page", default_interval=Duration.days(1))
        self.dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title=f"What needs a person: {deployment}", alarms=alarms, width=24, height=3
            )
        )
        runs = _graph(
            "Runs",
            metrics.triggered(events.run_started, "started, or started again"),
            metrics.triggered(events.run_finished, "succeeded"),
            metrics.triggered(events.run_failed, "failed"),
            *([ours.ours("RunsAlive", "alive", statistic="Maximum")] if counts_jobs else []),
        )
        counted = [
            _graph(
                "Tasks by state",
                *(ours.ours(name, text, statistic="Maximum") for name, text in _TASKS.items()),
                stacked=True,
            ),
            _graph(
                "vCPUs by environment",
                *(
                    ours.ours("VCpus", name, statistic="Maximum", environment=name)
                    for name in environments
                ),
                stacked=True,
            ),
        ]
        waiting = _graph(
            "Queues that wait",
            metrics.triggered(events.queue_blocked, "blocked"),
            metrics.triggered(events.no_capacity, "no capacity"),
        )
        self.dashboard.add_widgets(runs, *(counted if counts_jobs else []), waiting)
        self.dashboard.add_widgets(
            _graph(
                "Scratch: space added",
                ours.ours("SpaceAdded", "bytes"),
            ),
            _graph(
                "Scratch: growths",
                ours.ours("Growths", "grown"),
                ours.ours("DelayedGrowths", "delayed"),
                ours.ours("FailedGrowths", "failed"),
                ours.ours("FullWorkers", "full, drained"),
            ),
            _graph(
                "Scratch: frozen tasks",
                ours.ours("Freezes", "freezes"),
                ours.ours("FrozenTime", "seconds"),
            ),
            _graph(
                "Workers",
                ours.ours("Boots", "joined"),
                ours.ours("RefusedBoots", "refused to join"),
                ours.ours("LostHosts", "jobs that lost their host (Spot)"),
            ),
        )
        CfnOutput(
            self,
            "Url",
            value=f"https://{Stack.of(self).region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={Stack.of(self).region}#dashboards:name={self.dashboard.dashboard_name}",
            description="The dashboard",
        )


def _graph(title: str, *lines: cloudwatch.IMetric, stacked: bool = False) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(lines),
        stacked=stacked,
        width=6,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
    )
