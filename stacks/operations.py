"""The operations stack: who is told what. Optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Stack, aws_batch

from nextflow_batch import Operations

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from stacks.batch import BatchStack
    from stacks.settings import Settings


class OperationsStack(Stack):
    """Notifications about the queues and heads of the batch stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        batch: BatchStack,
        key: kms.IKey | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description="Nextflow on AWS Batch: operations", **kwargs
        )
        self.add_stack_dependency(batch)
        Operations(
            self,
            "Operations",
            queues=[self._queue(name) for name in settings.queues],
            head_definition=batch.nextflow.head.job_definition.arn_without_revision,
            email=settings.operations.email if settings.operations else None,
            key=key,
        )

    def _queue(self, name: str) -> aws_batch.IJobQueue:
        """A queue by its name: an imported ARN would hold the queue in the batch stack."""
        arn = self.format_arn(
            service="batch",
            resource="job-queue",
            resource_name=name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        return aws_batch.JobQueue.from_job_queue_arn(self, f"{name}-queue", arn)
