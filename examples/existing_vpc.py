"""Nextflow in a VPC that is there already, with two queues besides the usual ones.

`long` never uses Spot, for tasks that must not be interrupted; `gpu` has instances with NVIDIA
GPUs. With the library and the cdk CLI installed: `cdk synth --app "python3 existing_vpc.py"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import App, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2

from nextflow_batch import (
    DEFAULT_CAPACITIES,
    DEFAULT_QUEUES,
    Capacity,
    Head,
    NextflowBatch,
    QueueOrder,
    Scratch,
    Storage,
)

if TYPE_CHECKING:
    from constructs import Construct


class Genomics(Stack):
    """One deployment of Nextflow, beside whatever else the VPC has."""

    def __init__(self, scope: Construct, construct_id: str, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env)
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["us-west-2a", "us-west-2b"],
            private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            private_subnet_route_table_ids=["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"],
        )
        storage = Storage(
            self,
            "Storage",
            reference_buckets=["1000genomes", "ngi-igenomes"],
            work_expires=Duration.days(60),
        )
        nextflow = NextflowBatch(
            self,
            "NextflowBatch",
            deployment="genomics",
            vpc=vpc,
            storage=storage,
            scratch=Scratch(size_gib=200, max_size_gib=8_000),
            capacities={
                **DEFAULT_CAPACITIES,
                "gpu": Capacity(
                    purchase="spot",
                    instance_types=("g5",),
                    max_vcpus=64,
                    image_type="ECS_AL2023_NVIDIA",
                ),
            },
            queues={
                **DEFAULT_QUEUES,
                "long": QueueOrder(priority=50, compute_environments=("ondemand",)),
                "gpu": QueueOrder(priority=1, compute_environments=("gpu",)),
            },
            head=Head(queue="heads", on_demand_queue="highpriority", spot_attempts=2),
            tags={"cost-center": "genomics"},
        )
        queue = nextflow.compute.queues["gpu"]
        CfnOutput(self, "GpuQueue", value=queue.job_queue_arn)


app = App()
Genomics(app, "Genomics", env=Environment(region="us-west-2"))
app.synth()
