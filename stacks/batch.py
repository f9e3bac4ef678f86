"""The batch stack: workers, compute environments, queues and the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_secretsmanager as secretsmanager

from assets.go_program import AWS_CLIENT, TASK_S3, BuildError, GoProgram
from nextflow_batch import Compute, HeadJob, Worker
from stacks import paths
from stacks.settings_file import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

    from stacks.data import DataStack
    from stacks.network import NetworkStack
    from stacks.settings import ExistingVpc, Settings


class BatchStack(Stack):
    """What can be replaced at any time without losing data.

    Attributes:
        compute: Compute environments and queues.
        head: The head's job definition and roles.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data: DataStack,
        network: NetworkStack | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description="Nextflow on AWS Batch", **kwargs)
        vpc, subnets = self._network(settings.network.existing, network)
        environments = settings.compute_environments.values()
        machines = {_MACHINES[environment.architecture] for environment in environments}
        worker = Worker(
            self,
            "Worker",
            programs=paths.WORKER,
            aws_client=_built(AWS_CLIENT, machines),
            task_s3=_built(TASK_S3, machines) if settings.task_s3_client == "own" else None,
            environment=settings.environment,
            storage=data.storage,
            scratch=settings.scratch,
            volume_tags=settings.tags,
            volume_key=data.key,
        )
        self.compute = Compute(
            self,
            "Compute",
            worker=worker,
            vpc=vpc,
            subnets=subnets,
            capacities=settings.compute_environments,
            queues=settings.queues,
            own_service_role=settings.batch_service_role == "own",
        )
        self.head = self._make_head(settings, data)
        self._add_outputs(settings)

    def _make_head(self, settings: Settings, data: DataStack) -> HeadJob:
        head = settings.head
        queues = self.compute.queues
        later = head.on_demand_queue
        return HeadJob(
            self,
            "Head",
            image_directory=paths.HEAD_IMAGE,
            platform=_PLATFORMS[head.architecture],
            environment=settings.environment,
            storage=data.storage,
            queues=list(queues.values()),
            task_queue=queues[head.task_queue],
            on_demand_queue=queues[later] if later else None,
            spot_attempts=head.spot_attempts or 1,
            largest_task=self.compute.largest_job(head.task_queue, *([later] if later else [])),
            git_secret=self._secret("GitSecret", head.git_secret),
            seqera_secret=self._secret("SeqeraSecret", head.seqera_secret),
            name=head.job_definition,
            vcpus=head.vcpus,
            memory_mib=head.memory_mib,
            attempts=head.attempts,
        )

    def _secret(self, construct_id: str, arn: str | None) -> secretsmanager.ISecret | None:
        if not arn:
            return None
        return secretsmanager.Secret.from_secret_complete_arn(self, construct_id, arn)

    def _network(
        self, existing: ExistingVpc | None, network: NetworkStack | None
    ) -> tuple[ec2.IVpc, ec2.SubnetSelection]:
        if network:
            return network.network.vpc, network.network.subnets
        if not existing:
            raise ValueError("either a network stack or an existing VPC is needed")
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "ExistingVpc",
            vpc_id=existing.vpc_id,
            availability_zones=sorted({subnet.zone for subnet in existing.subnets}),
        )
        subnets = [
            ec2.Subnet.from_subnet_attributes(
                self, subnet.id, subnet_id=subnet.id, availability_zone=subnet.zone
            )
            for subnet in existing.subnets
        ]
        for subnet in subnets:
            Annotations.of(subnet).acknowledge_warning(
                "@aws-cdk/aws-ec2:noSubnetRouteTableId", "nothing here reads the route tables"
            )
        return vpc, ec2.SubnetSelection(subnets=subnets)

    def _add_outputs(self, settings: Settings) -> None:
        definition = settings.head.job_definition
        CfnOutput(self, "HeadImage", value=self.head.image.image_uri)
        CfnOutput(
            self,
            "TryIt",
            value=f"aws batch submit-job --job-name nf-hello --job-queue {settings.head_queue}"
            f" --job-definition {definition} --container-overrides command=hello",
        )
        CfnOutput(
            self,
            "HowItEnded",
            value="aws batch describe-jobs --jobs JOBID --query jobs[].tags",
            description="Says how a head ended, and why",
        )


def _built(program: GoProgram, machines: set[str]) -> Path:
    try:
        return program.built(machines)
    except BuildError as error:
        raise SettingsError(str(error)) from error


#: What `uname -m` says on a worker.
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_PLATFORMS = {
    "arm64": ecr_assets.Platform.LINUX_ARM64,
    "x86_64": ecr_assets.Platform.LINUX_AMD64,
}
