"""Everything that runs Nextflow on AWS Batch, as one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check, refuse
from nextflow_batch.compute import DEFAULT_CAPACITIES, DEFAULT_QUEUES, Compute
from nextflow_batch.deployment_document import DeploymentDocument
from nextflow_batch.head import Head
from nextflow_batch.head_job import HeadJob
from nextflow_batch.names import DeploymentName
from nextflow_batch.network import Network, zones
from nextflow_batch.problem import Problem, quote
from nextflow_batch.registries import Registries
from nextflow_batch.registry_cache import RegistryCache
from nextflow_batch.scratch import Scratch
from nextflow_batch.shares import Shares
from nextflow_batch.storage import Storage
from nextflow_batch.tags import Tags, tag
from nextflow_batch.worker import TaskS3Client, Worker
from nextflow_batch.worker_options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager

    from nextflow_batch.capacity import Capacity
    from nextflow_batch.queue_order import QueueOrder

#: Heads run on instances of their own, later attempts of tasks where none is reclaimed.
DEFAULT_HEAD = Head(queue="heads", on_demand_queue="highpriority")


class NextflowBatch(Construct):
    """A deployment: network, bucket, workers, compute environments, queues and head.

    Each argument has our recommendation as its default. For other arrangements compose the parts
    yourself; each is a construct of this library.

    Attributes:
        deployment: The deployment's name.
        network: The VPC, when none was given.
        storage: Bucket and logs.
        worker: Role and launch template of the instances.
        registry_cache: Copies of public images, if there are any.
        compute: Compute environments and queues.
        head: The head's image, job definition and roles.
        head_queue: Name of the queue to submit heads to.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str = "nextflow",
        vpc: ec2.IVpc | None = None,
        subnets: ec2.SubnetSelection | None = None,
        storage: Storage | None = None,
        key: kms.IKey | None = None,
        scratch: Scratch | None = None,
        worker_options: WorkerOptions | None = None,
        capacities: Mapping[str, Capacity] = DEFAULT_CAPACITIES,
        queues: Mapping[str, QueueOrder] = DEFAULT_QUEUES,
        shares: Shares | None = None,
        own_service_role: bool = False,
        isolated: bool = False,
        head: Head = DEFAULT_HEAD,
        git_secret: secretsmanager.ISecret | None = None,
        seqera_secret: secretsmanager.ISecret | None = None,
        registries: Registries | None = None,
        tags: Mapping[str, str] | None = None,
        task_s3_client: TaskS3Client = "own",
        head_image: Path | None = None,
        worker_programs: Path | None = None,
        binaries: Mapping[str, Path] | None = None,
    ) -> None:
        """Compose the deployment.

        A second one in the same account and region needs names of its own: `deployment`, `queues`,
        and in `head` the job definition and the queues.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Its name, which resources are tagged with; one for each deployment of an
                account.
            vpc: Where workers run; a new VPC when not given.
            subnets: In which of its subnets; its private ones with a way out when not given.
            storage: Bucket and logs; new ones when not given.
            key: Encrypts the volumes, and bucket and logs if they are new, such as an
                `EncryptionKey`; the keys of EBS, S3 and CloudWatch when not given.
            scratch: The workers' disk.
            worker_options: What else a site may choose for its workers.
            capacities: Each compute environment's instances, by name.
            queues: Each queue's order, by name.
            shares: How teams share all queues but that of the heads; first in, first out when not
                given.
            own_service_role: Make a Batch service role instead of using the service-linked one.
            isolated: Say that the given VPC reaches AWS by endpoints only.
            head: The head's size and name, its queue and those of its tasks.
            git_secret: Holds Nextflow's scm file, for private Git repositories.
            seqera_secret: Holds an access token of Seqera Platform.
            registries: Registries of whose images there are copies in ECR.
            tags: Further tags of everything that takes them.
            task_s3_client: Which `aws` tasks move files with: the wheel's, or the AWS CLI that each
                worker fetches from AWS.
            head_image: Build context of the head's image; the wheel's own when not given.
            worker_programs: What workers run; the wheel's own when not given.
            binaries: What they and tasks run that is built, see `Worker`; likewise.

        Raises:
            ArgumentsError: An argument is not allowed, or its name is another deployment's.
            ValueError: A folder of programs is neither given nor in the installed library.
        """
        check(
            "NextflowBatch",
            deployment=(DeploymentName, deployment),
            storage=(InstanceOf[Storage] | None, storage),
            scratch=(InstanceOf[Scratch] | None, scratch),
            worker_options=(InstanceOf[WorkerOptions] | None, worker_options),
            head=(InstanceOf[Head], head),
            registries=(InstanceOf[Registries] | None, registries),
            shares=(InstanceOf[Shares] | None, shares),
            tags=(Tags, dict(tags or {})),
            task_s3_client=(TaskS3Client, task_s3_client),
        )
        refuse("NextflowBatch", _vpc_problems(vpc, subnets))
        super().__init__(scope, construct_id)
        self.deployment = deployment
        self._definition = head.job_definition
        refuse("NextflowBatch", self._names_of_others(queues))
        self.storage = storage or self._make_storage(key)
        self.network: Network | None = None
        if vpc is None:
            self.network = Network(
                self, "Network", availability_zones=zones(self, 3), storage=self.storage, key=key
            )
            vpc, subnets = self.network.vpc, self.network.subnets
        self.worker = Worker(
            self,
            "Worker",
            deployment=deployment,
            storage=self.storage,
            scratch=scratch or Scratch(),
            options=worker_options,
            tags=tags,
            key=key,
            task_s3_client=task_s3_client,
            programs=worker_programs,
            binaries=binaries,
        )
        self.registry_cache = self._make_registry_cache(registries)
        self.compute = Compute(
            self,
            "Compute",
            worker=self.worker,
            vpc=vpc,
            subnets=subnets,
            capacities=capacities,
            queues=queues,
            own_service_role=own_service_role,
            isolated=isolated,
            shares=shares,
            unshared_queue=head.queue,
        )
        conflicts = head.queue_problems(queues, capacities)
        refuse("NextflowBatch", (problem.below("head") for problem in conflicts))
        self.head = HeadJob(
            self,
            "Head",
            head=head,
            image_directory=head_image,
            deployment=deployment,
            storage=self.storage,
            queues=self.compute.queues,
            largest_task=self.compute.largest_job(*head.task_queues),
            largest_by_queue={
                name: largest
                for name in sorted(head.routed_queues)
                if (largest := self.compute.largest_job(name))
            },
            git_secret=git_secret,
            seqera_secret=seqera_secret,
            registries=self.registry_cache.variable if self.registry_cache else "",
            shares=shares,
        )
        self.head_queue = head.submit_queue(queues, capacities)
        self._publish(queues, shares, head.queue)
        # A queue of their own has no shares.
        self._add_outputs(shares.default if shares and not head.queue else None)
        tag(self, deployment, tags or {})

    def _publish(
        self, queues: Iterable[str], shares: Shares | None, unshared_queue: str | None
    ) -> None:
        document = DeploymentDocument(
            self,
            "Document",
            deployment=self.deployment,
            job_definition=self._definition,
            head_queue=self.head_queue,
            queues=list(queues),
            storage=self.storage,
            shares=shares,
            unshared_queue=unshared_queue,
        )
        # Whoever finds the deployment can use it.
        document.node.add_dependency(self.head, self.compute)

    def _make_storage(self, key: kms.IKey | None) -> Storage:
        storage = Storage(self, "Storage", key=key)
        storage.add_outputs(self)
        return storage

    def _make_registry_cache(self, registries: Registries | None) -> RegistryCache | None:
        if registries is None or not any(registries.upstreams()):
            return None
        cache = RegistryCache(
            self, "RegistryCache", registries=registries, deployment=self.deployment
        )
        cache.grant_pull(self.worker.role)
        return cache

    def _add_outputs(self, share: str | None) -> None:
        CfnOutput(
            self,
            "HeadImage",
            value=self.head.image.image_uri,
            description="The image of the head job",
        )
        CfnOutput(
            self,
            "TryIt",
            value=f"aws batch submit-job --job-name nf-hello --job-queue {self.head_queue}"
            f" --job-definition {self._definition} --container-overrides command=hello"
            f"{f' --share-identifier {share}' if share else ''}",
            description="Command that submits the pipeline hello",
        )
        CfnOutput(
            self,
            "HowItEnded",
            value="aws batch describe-jobs --jobs JOBID --query jobs[].tags",
            description="Command that shows how a head ended, and why",
        )

    def _names_of_others(self, queues: Mapping[str, QueueOrder]) -> Iterator[Problem]:
        """Names that another deployment of the app has; they are known once to a region."""
        for other in self.node.root.node.find_all():
            if not isinstance(other, NextflowBatch) or other is self:
                continue
            if Stack.of(other).environment != Stack.of(self).environment:
                continue
            names_in_use = {
                "deployment": [self.deployment] if self.deployment == other.deployment else [],
                "queues": [name for name in queues if name in other.compute.queues],
                "head.job_definition": [self._definition]
                if self._definition == other._definition
                else [],
            }
            for key, names in names_in_use.items():
                for name in names:
                    text = f"{quote(name)} is not allowed: {other.node.path} already uses that name"
                    yield Problem((key,), text)


def _vpc_problems(vpc: object, subnets: object) -> Iterator[Problem]:
    if vpc is None:
        if subnets:
            yield Problem(("subnets",), "is not allowed without vpc: pass the VPC of the subnets")
        return
    if not hasattr(vpc, "private_subnets"):
        yield Problem(("vpc",), f"{quote(vpc)} is not allowed: must be a VPC (ec2.IVpc)")
    elif not subnets and not vpc.private_subnets:
        yield Problem(
            ("vpc",),
            "is not allowed without subnets: the VPC has no private subnets with outbound"
            " access; for public subnets, pass"
            " subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)",
        )
