"""The library's parts, composed by another app: data and compute in stacks of their own.

The data's stack holds a customer key and outlives the other one. With the library and the cdk CLI
installed: `cdk synth --app "python3 own_parts.py"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from nextflow_batch import (
    Capacity,
    Compute,
    EncryptionKey,
    Head,
    HeadJob,
    Network,
    Operations,
    OperationsOptions,
    QueueOrder,
    Scratch,
    Storage,
    Worker,
    zones,
)

if TYPE_CHECKING:
    from constructs import Construct


class Data(Stack):
    """Bucket, logs and their key, and a role that people read results with.

    Attributes:
        key: Encrypts bucket, logs and volumes.
        storage: Bucket and logs.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.key = EncryptionKey(self, "Key")
        self.storage = Storage(self, "Storage", prefix="lab/nextflow", key=self.key)
        people = iam.Role(self, "People", assumed_by=iam.AccountRootPrincipal())
        self.storage.grant_task(people)


class Pipelines(Stack):
    """What can be replaced at any time: a network without a NAT gateway, one queue, the head."""

    def __init__(self, scope: Construct, construct_id: str, data: Data) -> None:
        super().__init__(scope, construct_id)
        network = Network(
            self, "Network", availability_zones=zones(self, 2), cidr="10.7.0.0/20", egress="public"
        )
        worker = Worker(
            self,
            "Worker",
            deployment="lab",
            storage=data.storage,
            scratch=Scratch(max_usd_per_month=100.0),
            key=data.key,
        )
        compute = Compute(
            self,
            "Compute",
            worker=worker,
            vpc=network.vpc,
            subnets=network.subnets,
            capacities={"arm": Capacity(purchase="on-demand", instance_types=("m7g", "c7g"))},
            queues={"lab": QueueOrder(priority=1, compute_environments=("arm",))},
        )
        head = Head(job_definition="lab-nextflow", task_queue="lab", architecture="arm64")
        HeadJob(
            self,
            "Head",
            head=head,
            deployment="lab",
            storage=data.storage,
            queues=compute.queues,
            largest_task=compute.largest_job(*head.task_queues),
        )
        Operations(
            self,
            "Operations",
            deployment="lab",
            queues=list(compute.queues),
            environments=list(compute.compute_environments),
            head_definition=head.job_definition,
            storage=data.storage,
            options=OperationsOptions(email="lab@example.org", max_refused_boots=None),
        )


app = App()
Pipelines(app, "Pipelines", Data(app, "Data"))
app.synth()
