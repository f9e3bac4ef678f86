"""A queue that prefers one compute environment to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_batch as batch

from nextflow_batch.arguments import check
from nextflow_batch.names import QueueName
from nextflow_batch.queue_order import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from nextflow_batch.compute_environment import ComputeEnvironment

#: A job at the head of its queue that no environment could ever run is cancelled after this time,
#: the shortest that Batch allows, instead of blocking the queue without a word.
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_JobStateTimeLimitAction.html
_UNRUNNABLE = Duration.seconds(600)


class JobQueue(batch.JobQueue):
    """A job queue over one to three compute environments, the preferred one first."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        priority: int,
        compute_environments: Sequence[ComputeEnvironment],
        scheduling_policy: batch.ISchedulingPolicy | None = None,
    ) -> None:
        """Define the queue.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            name: What users and pipelines call it.
            priority: Queues of higher priority are served first where they share an environment.
            compute_environments: In the order in which Batch tries them.
            scheduling_policy: Divides it between shares; first in, first out when not given.
        """
        check("JobQueue", name=(QueueName, name), priority=(Priority, priority))
        super().__init__(
            scope,
            construct_id,
            job_queue_name=name,
            priority=priority,
            scheduling_policy=scheduling_policy,
            compute_environments=[
                batch.OrderedComputeEnvironment(compute_environment=environment, order=order)
                for order, environment in enumerate(compute_environments, start=1)
            ],
            job_state_time_limit_actions=[
                batch.JobStateTimeLimitAction(
                    max_time=_UNRUNNABLE,
                    reason=reason,
                    state=batch.JobStateTimeLimitActionsState.RUNNABLE,
                    action=batch.JobStateTimeLimitActionsAction.CANCEL,
                )
                for reason in (
                    batch.JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
                    batch.JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
                )
            ],
        )
