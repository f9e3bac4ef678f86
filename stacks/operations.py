"""The operations stack: who is told what, what is shown, and what is tidied up. Optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Stack

from nextflow_batch import Operations
from stacks import paths

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.data import DataStack
    from stacks.settings import Settings


class OperationsStack(Stack):
    """Eyes and hands of the batch stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data: DataStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description="Nextflow on AWS Batch: operations", **kwargs
        )
        Operations(
            self,
            "Operations",
            deployment=settings.deployment,
            queues=list(settings.named_queues),
            environments=list(settings.compute_environments),
            head_definition=settings.named_head.job_definition,
            storage=data.storage,
            options=settings.operations,
            key=data.key,
            code=paths.JANITORS,
        )
