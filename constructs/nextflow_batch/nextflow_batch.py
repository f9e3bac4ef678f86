"""Everything that runs Nextflow on AWS Batch, as one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aws_cdk import CfnOutput
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from nextflow_batch.compute import Compute
from nextflow_batch.head_job import HeadJob
from nextflow_batch.network import Network, zones
from nextflow_batch.programs import bundled
from nextflow_batch.storage import Storage
from nextflow_batch.worker import Scratch, Worker

if TYPE_CHECKING:
    from pathlib import Path

    from aws_cdk import aws_ec2 as ec2


class NextflowBatch(Construct):
    """An environment with our recommendations: network, bucket, workers, queues and head.

    For other arrangements compose the parts yourself; each is a construct of this library.

    Attributes:
        network: The VPC, when none was given.
        storage: Bucket and logs.
        compute: Compute environments and queues.
        head: The head's job definition and roles.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: str = "nextflow",
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        storage: Storage | None = None,
        head_image: Path | None = None,
        worker_programs: Path | None = None,
        aws_client: Path | None = None,
        task_s3_client: Literal["own", "aws-cli"] = "own",
    ) -> None:
        """Compose the environment.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            environment: Name that volumes are tagged with; one for each environment of an account.
            vpc: Where workers run; a new VPC when not given.
            subnets: In which of its subnets; its private ones with a way out when not given.
            storage: Bucket and logs; new ones when not given.
            head_image: Build context of the head's image; the wheel's own when not given.
            worker_programs: What workers run; the wheel's own when not given.
            aws_client: What these call AWS with, `MACHINE/aws-client`; likewise.
            task_s3_client: Which `aws` tasks move files with: the wheel's, or the AWS CLI that each
                worker fetches from AWS.

        Raises:
            ValueError: A folder of programs is neither given nor in the installed library, or
                subnets are given without their VPC.
        """
        super().__init__(scope, construct_id)
        self.network: Network | None = None
        if subnets and not vpc:
            raise ValueError("subnets are given without the vpc that they are in")
        if vpc is None:
            self.network = Network(self, "Network", availability_zones=zones(self, 3))
            vpc, subnets = self.network.vpc, self.network.subnets
        self.storage = storage or Storage(self, "Storage")
        worker = Worker(
            self,
            "Worker",
            programs=worker_programs or bundled("worker"),
            aws_client=aws_client or bundled("aws_client"),
            task_s3=bundled("task_s3") if task_s3_client == "own" else None,
            environment=environment,
            storage=self.storage,
            scratch=Scratch(),
        )
        self.compute = Compute(self, "Compute", worker=worker, vpc=vpc, subnets=subnets)
        self.head = HeadJob(
            self,
            "Head",
            image_directory=head_image or bundled("head"),
            platform=ecr_assets.Platform.LINUX_AMD64,
            environment=environment,
            storage=self.storage,
            queues=list(self.compute.queues.values()),
            task_queue=self.compute.queues["default"],
            on_demand_queue=self.compute.queues["highpriority"],
            largest_task=self.compute.largest_job("default", "highpriority"),
        )
        CfnOutput(self, "Bucket", value=self.storage.bucket.bucket_name)
        CfnOutput(self, "LogGroup", value=self.storage.log_group.log_group_name)
        CfnOutput(self, "LogsFolder", value=self.storage.logs_uri)
