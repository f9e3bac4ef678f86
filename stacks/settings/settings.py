"""One deployment's settings, and what must hold between their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from nextflow_batch import QueueOrder, Registries, Scratch, Shares, WorkerOptions
from nextflow_batch.arguments import Arguments
from nextflow_batch.capacity import image_conflicts
from nextflow_batch.names import (
    LONGEST_NAME,
    Account,
    ComputeName,
    DeploymentName,
    NamePrefix,
    QueueName,
)
from nextflow_batch.problem import Problem, quote
from nextflow_batch.queue_order import queue_conflicts
from nextflow_batch.regions import Region
from nextflow_batch.registry_cache import name_problems
from nextflow_batch.tags import Tags
from nextflow_batch.volume_limits import scratch_volumes
from stacks.settings.arn import misplaced
from stacks.settings.compute import ComputeEnvironment
from stacks.settings.head import Head
from stacks.settings.isolation import isolation_problems
from stacks.settings.network import Network
from stacks.settings.operations import Operations
from stacks.settings.roles import Roles
from stacks.settings.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator


class Settings(Arguments):
    """One deployment. The file's name is what `-c settings=NAME` chooses."""

    RENAMED: ClassVar = {"environment": "deployment"}

    deployment: DeploymentName = Field(
        description="Prefix of the stack names and a tag on every resource; should be the file's"
        " name"
    )
    name_prefix: NamePrefix | None = Field(
        None,
        description="Beginning of the names of queues and job definition in AWS, which must be"
        ' unique in the account and region; unset: the deployment and a hyphen; "": nothing, as in'
        " the workshop",
    )
    region: Region = Field("us-west-2", description="A region that has AWS Batch")
    account: Account | None = Field(
        None, description="The account to deploy to; unset: the account of your credentials"
    )
    tags: Tags = Field(
        default_factory=dict,
        description="More tags on every resource that takes tags; the key `Name` is not allowed",
    )
    network: Network = Network()
    storage: Storage = Storage()
    scratch: Scratch = Scratch()
    worker: WorkerOptions = WorkerOptions()
    batch_service_role: Literal["service-linked", "own"] = Field(
        "service-linked",
        description="The role of AWS Batch: the service-linked role, with which Batch updates"
        " workers in place, or a role of this deployment, as in the workshop",
    )
    task_s3_client: Literal["own", "aws-cli"] = Field(
        "own",
        description="The `aws` that tasks call: our own client, or the AWS CLI, which each worker"
        " downloads from AWS",
    )
    # https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
    compute_environments: dict[ComputeName, ComputeEnvironment] = Field(
        min_length=1,
        max_length=50,
        description="Managed compute environments on EC2, by name; a queue must use each of them",
    )
    queues: dict[QueueName, QueueOrder] = Field(
        min_length=1,
        max_length=20,  # an IAM policy holds 6,144 characters
        description="Job queues, by name; in AWS `name_prefix` comes before it",
    )
    shares: Shares | None = Field(
        None,
        description="How teams share all queues but that of the heads (`head.queue`); unset: first"
        " in, first out",
    )
    registries: Registries = Registries()
    roles: Roles = Roles()
    head: Head = Head()
    operations: Operations | None = None

    @property
    def prefix(self) -> str:
        """What the names that are known to the whole region begin with."""
        return f"{self.deployment}-" if self.name_prefix is None else self.name_prefix

    @property
    def named_queues(self) -> dict[str, QueueOrder]:
        """The queues by their names in AWS."""
        return {f"{self.prefix}{name}": queue for name, queue in self.queues.items()}

    @property
    def named_head(self) -> Head:
        """The head, whose queues and job definition have their names in AWS."""
        keys = ("job_definition", "queue", "task_queue", "on_demand_queue", "gpu_queue")
        names = {key: name for key in keys if (name := getattr(self.head, key)) is not None}
        labels = self.head.label_queues
        return self.head.model_copy(
            update={
                **{key: f"{self.prefix}{name}" for key, name in names.items()},
                "label_queues": {label: f"{self.prefix}{name}" for label, name in labels.items()},
            }
        )

    def conflicts(self) -> Iterator[Problem]:
        """What does not go together, over all parts."""
        yield from self._name_problems()
        yield from self.queue_problems()
        for problem in image_conflicts(self.compute_environments):
            yield problem.below("compute_environments")
        for problem in self.network.region_conflicts(self.region):
            yield problem.below("network")
        for problem in self.storage.key_conflicts(self.region, self.account):
            yield problem.below("storage")
        for problem in self.roles.boundary_conflicts(self.region, self.account):
            yield problem.below("roles")
        for problem in self.head.secret_conflicts(self.region, self.account):
            yield problem.below("head")
        yield from self._registry_problems()
        if self.network.egress == "isolated":
            yield from isolation_problems(
                head=self.head,
                registries=self.registries,
                storage=self.storage,
                worker=self.worker,
                task_s3_client=self.task_s3_client,
                region=self.region,
            )
        yield from self._volume_problems()
        # Batch replaces the workers of such a deployment at once.
        # https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html
        if self.batch_service_role == "own" and "update_minutes" in self.worker.model_fields_set:
            text = (
                f"{self.worker.update_minutes} is not allowed with batch_service_role own: a deploy"
                " that replaces workers ends their jobs at once; remove it"
            )
            yield Problem(("worker", "update_minutes"), text)

    def _name_problems(self) -> Iterator[Problem]:
        """Names that Batch does not accept with their prefix."""
        for path, name in (
            *((("queues", name), name) for name in self.queues),
            (("head", "job_definition"), self.head.job_definition),
        ):
            if len(f"{self.prefix}{name}") > LONGEST_NAME:
                text = (
                    f"{quote(name)} is not allowed: must have at most {LONGEST_NAME} characters"
                    f" with {quote(self.prefix)} before it"
                )
                yield Problem(path, text)
        key = "deployment" if self.name_prefix is None else "name_prefix"
        if f"{self.prefix}{self.head.job_definition}".startswith("nf-"):
            text = (
                f"{quote(getattr(self, key))} is not allowed: the head's job definition would begin"
                " with nf-, as those of tasks do; set another name_prefix"
            )
            yield Problem((key,), text)

    def queue_problems(self) -> Iterator[Problem]:
        """What is wrong with the queues, and where nothing is, with the head's choice of them."""
        conflicts = list(queue_conflicts(self.queues, self.compute_environments))
        used = {key for queue in self.queues.values() for key in queue.compute_environments}
        for name in () if conflicts else self.compute_environments:
            if name not in used:
                text = "is not used: add it to the compute_environments of a queue, or remove it"
                conflicts.append(Problem(("compute_environments", name), text))
        if not conflicts:
            about_head = self.head.queue_problems(self.queues, self.compute_environments)
            conflicts += (problem.below("head") for problem in about_head)
        yield from conflicts

    def _registry_problems(self) -> Iterator[Problem]:
        yield from name_problems(self.registries, self.deployment)
        for key in ("docker_hub", "github"):
            arn = getattr(self.registries, key)
            if arn and (text := misplaced(arn, self.region, self.account)):
                yield Problem(("registries", key), text)

    def _volume_problems(self) -> Iterator[Problem]:
        # The default is no demand: a worker that takes fewer enlarges them sooner.
        if "max_volumes" not in self.scratch.model_fields_set:
            return
        for key, environment in self.compute_environments.items():
            for name in environment.instance_types:
                most = scratch_volumes(name)
                if most is not None and self.scratch.max_volumes > most:
                    text = (
                        f"{self.scratch.max_volumes} is not allowed: must be at most {most}, the"
                        f" limit of {name} in compute_environments.{key}"
                    )
                    yield Problem(("scratch", "max_volumes"), text)
                    return
