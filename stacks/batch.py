"""The batch stack: one `NextflowBatch`, made of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, Stack

from nextflow_batch import NextflowBatch, zones
from stacks import binaries, head_image, paths
from stacks.network import place
from stacks.secret import existing_secret

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.data import DataStack
    from stacks.settings import Settings


class BatchStack(Stack):
    """What can be replaced at any time without losing data.

    Attributes:
        nextflow: All of it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data: DataStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description="Nextflow on AWS Batch", **kwargs)
        self._zones = settings.network.zones_in(settings.region)
        vpc, subnets = place(self, settings, data)
        self.nextflow = NextflowBatch(
            self,
            "Default",  # an id that the CDK leaves out of logical ids
            deployment=settings.deployment,
            vpc=vpc,
            subnets=subnets,
            storage=data.storage,
            key=data.key,
            scratch=settings.scratch,
            worker_options=settings.worker,
            capacities=settings.compute_environments,
            queues=settings.named_queues,
            shares=settings.shares,
            own_service_role=settings.batch_service_role == "own",
            isolated=settings.network.egress == "isolated",
            head=settings.named_head,
            git_secret=existing_secret(self, "GitSecret", settings.head.git_secret),
            seqera_secret=existing_secret(self, "SeqeraSecret", settings.head.seqera_secret),
            registries=settings.registries,
            tags=settings.tags,
            task_s3_client=settings.task_s3_client,
            head_image=paths.HEAD_IMAGE,
            worker_programs=paths.WORKER,
            binaries=binaries.build(settings),
        )
        if warning := head_image.current_warning():
            Annotations.of(self).add_warning_v2("nextflow-batch:headImageIsNotLocked", warning)

    @property
    def availability_zones(self) -> list[str]:
        """The region's first zones, left to CloudFormation: synth asks no account for them."""
        return zones(self, self._zones)
