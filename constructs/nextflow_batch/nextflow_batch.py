"""Everything that runs Nextflow on AWS Batch, as one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check, refuse
from nextflow_batch.compute import DEFAULT_CAPACITIES, DEFAULT_QUEUES, Compute
from nextflow_batch.head_job import HeadJob
from nextflow_batch.head_size import misfit
from nextflow_batch.instance_types import Resources
from nextflow_batch.names import DeploymentName, JobDefinitionName
from nextflow_batch.network import Network, zones
from nextflow_batch.problem import Problem, shown
from nextflow_batch.programs import bundled
from nextflow_batch.scratch import Scratch
from nextflow_batch.storage import Storage
from nextflow_batch.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aws_cdk import aws_ec2 as ec2

    from nextflow_batch.capacity import Capacity
    from nextflow_batch.queue_order import QueueOrder

#: vCPUs and MiB of the head.
_HEAD = Resources(2, 8_192)


class NextflowBatch(Construct):
    """An environment with our recommendations: network, bucket, workers, queues and head.

    For other arrangements compose the parts yourself; each is a construct of this library.

    Attributes:
        environment: The name that volumes are tagged with.
        network: The VPC, when none was given.
        storage: Bucket and logs.
        compute: Compute environments and queues.
        head: The head's job definition and roles.
        job_definition: The name of the head's job definition.
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
        scratch: Scratch | None = None,
        capacities: Mapping[str, Capacity] = DEFAULT_CAPACITIES,
        queues: Mapping[str, QueueOrder] = DEFAULT_QUEUES,
        task_queue: str = "default",
        on_demand_queue: str | None = "highpriority",
        job_definition: str = "nextflow",
        head_image: Path | None = None,
        worker_programs: Path | None = None,
        aws_client: Path | None = None,
        task_s3_client: Literal["own", "aws-cli"] = "own",
    ) -> None:
        """Compose the environment.

        A second one in the same account and region needs names of its own: `environment`, `queues`
        with `task_queue` and `on_demand_queue`, and `job_definition`.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            environment: Name that volumes are tagged with; one for each environment of an account.
            vpc: Where workers run; a new VPC when not given.
            subnets: In which of its subnets; its private ones with a way out when not given.
            storage: Bucket and logs; new ones when not given.
            scratch: The workers' disk.
            capacities: Each compute environment's instances, by name.
            queues: Each queue's order, by name.
            task_queue: The queue of the tasks.
            on_demand_queue: The queue of a task's later attempts; the task queue when none.
            job_definition: Name of the head's job definition.
            head_image: Build context of the head's image; the wheel's own when not given.
            worker_programs: What workers run; the wheel's own when not given.
            aws_client: What these call AWS with, `MACHINE/aws-client`; likewise.
            task_s3_client: Which `aws` tasks move files with: the wheel's, or the AWS CLI that each
                worker fetches from AWS.

        Raises:
            ArgumentsError: An argument is not allowed, or its name is another environment's.
            ValueError: A folder of programs is neither given nor in the installed library.
        """
        check(
            "NextflowBatch",
            environment=(DeploymentName, environment),
            storage=(InstanceOf[Storage] | None, storage),
            scratch=(InstanceOf[Scratch] | None, scratch),
            job_definition=(JobDefinitionName, job_definition),
            task_s3_client=(Literal["own", "aws-cli"], task_s3_client),
        )
        refuse("NextflowBatch", _vpc_problems(vpc, subnets))
        super().__init__(scope, construct_id)
        self.environment = environment
        self.job_definition = job_definition
        refuse("NextflowBatch", self._names_of_others(queues))
        self.network: Network | None = None
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
            scratch=scratch or Scratch(),
        )
        self.compute = Compute(
            self,
            "Compute",
            worker=worker,
            vpc=vpc,
            subnets=subnets,
            capacities=capacities,
            queues=queues,
        )
        for name, queue in {"task_queue": task_queue, "on_demand_queue": on_demand_queue}.items():
            refuse("NextflowBatch", _unknown_queue(name, queue, queues))
        served = {key for order in queues.values() for key in order.compute_environments}
        refuse(
            "NextflowBatch",
            (
                problem.below("head")
                for problem in misfit(_HEAD, "x86_64", [capacities[key] for key in sorted(served)])
            ),
        )
        later = on_demand_queue
        self.head = HeadJob(
            self,
            "Head",
            image_directory=head_image or bundled("head"),
            platform=ecr_assets.Platform.LINUX_AMD64,
            environment=environment,
            storage=self.storage,
            queues=list(self.compute.queues.values()),
            task_queue=self.compute.queues[task_queue],
            on_demand_queue=self.compute.queues[later] if later else None,
            largest_task=self.compute.largest_job(task_queue, *([later] if later else [])),
            name=job_definition,
            vcpus=_HEAD.vcpus,
            memory_mib=_HEAD.memory_mib,
        )
        CfnOutput(self, "Bucket", value=self.storage.bucket.bucket_name)
        CfnOutput(self, "LogGroup", value=self.storage.log_group.log_group_name)
        CfnOutput(self, "LogsFolder", value=self.storage.logs_uri)

    def _names_of_others(self, queues: Mapping[str, QueueOrder]) -> Iterator[Problem]:
        """Names that another environment of the app has; they are known once to a region."""
        for other in self.node.root.node.find_all():
            if not isinstance(other, NextflowBatch) or other is self:
                continue
            if Stack.of(other).environment != Stack.of(self).environment:
                continue
            taken = {
                "environment": [self.environment] if self.environment == other.environment else [],
                "queues": [name for name in queues if name in other.compute.queues],
                "job_definition": [self.job_definition]
                if self.job_definition == other.job_definition
                else [],
            }
            for key, names in taken.items():
                for name in names:
                    text = f"{shown(name)} is not allowed: {other.node.path} has that name already"
                    yield Problem((key,), text)


def _vpc_problems(vpc: object, subnets: object) -> Iterator[Problem]:
    if vpc is None:
        if subnets:
            yield Problem(("subnets",), "is not allowed without the vpc that they are in")
        return
    if not hasattr(vpc, "private_subnets"):
        yield Problem(("vpc",), f"{shown(vpc)} is not allowed: must be a VPC (ec2.IVpc)")
    elif not subnets and not vpc.private_subnets:
        yield Problem(
            ("vpc",),
            "is not allowed without subnets: it has no private ones with a way out; public ones are"
            " subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)",
        )


def _unknown_queue(
    key: str, name: str | None, queues: Mapping[str, QueueOrder]
) -> Iterator[Problem]:
    if name is not None and name not in queues:
        text = f"{shown(name)} is not allowed: must be one of {', '.join(queues)}"
        yield Problem((key,), text)
