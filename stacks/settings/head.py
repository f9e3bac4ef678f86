"""The job that runs `nextflow`, and who is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.head_size import Attempts, HeadMemory, HeadVcpus
from nextflow_batch.instance_types import Architecture, Resources
from nextflow_batch.names import Email, JobDefinitionName, QueueName, SecretArn
from nextflow_batch.problem import Problem, shown
from nextflow_batch.regions import partition

if TYPE_CHECKING:
    from collections.abc import Iterator


class Head(Arguments):
    """The job that runs `nextflow`."""

    job_definition: JobDefinitionName = Field(
        "nextflow",
        description="Name of the job definition, which must be unique in the account and region",
    )
    vcpus: HeadVcpus = Field(
        2, description="vCPUs of the head job; an instance must have room for it"
    )
    memory_mib: HeadMemory = Field(
        8_192, description="Memory of the head job in MiB; an instance must have room for it"
    )
    attempts: Attempts = Field(3, description="Attempts of the head job, the first included")
    task_queue: QueueName = Field("default", description="Queue to which Nextflow submits tasks")
    on_demand_queue: QueueName | None = Field(
        None,
        description="Queue of a task that lost its hosts `spot_attempts` times; its first compute"
        " environment must be On-Demand; unset: `task_queue`",
    )
    spot_attempts: Attempts | None = Field(
        None,
        description="How often a task is submitted to `task_queue` before it goes to"
        " `on_demand_queue`; unset: 1",
    )
    git_secret: SecretArn | None = Field(
        None,
        description="ARN of a secret in this region with Nextflow's SCM file, for private"
        " repositories",
    )
    seqera_secret: SecretArn | None = Field(
        None, description="ARN of a secret in this region with an access token of Seqera Platform"
    )
    architecture: Architecture = Field(
        "x86_64", description="Processor of the head image; a queue must have such instances"
    )

    @property
    def size(self) -> Resources:
        """What it asks Batch for."""
        return Resources(self.vcpus, self.memory_mib)

    def conflicts(self) -> Iterator[Problem]:
        """Attempts that go nowhere, and a secret that serves twice."""
        if self.spot_attempts is not None and not self.on_demand_queue:
            text = f"{self.spot_attempts} is not allowed without an on_demand_queue"
            yield Problem(("spot_attempts",), text)
        if self.git_secret and self.git_secret == self.seqera_secret:
            text = f"{shown(self.seqera_secret)} is not allowed: it is the git_secret already"
            yield Problem(("seqera_secret",), text)

    def secret_conflicts(self, region: str, account: str | None) -> Iterator[Problem]:
        """Secrets that the head could not read.

        Args:
            region: Where it runs.
            account: In which account, if that is known.

        Yields:
            The problems, below the head.
        """
        for key in ("git_secret", "seqera_secret"):
            arn = getattr(self, key)
            if arn is None:
                continue
            _, its_partition, _, its_region, its_account, *_ = arn.split(":")
            for word, found, wanted in (
                ("partition", its_partition, partition(region)),
                ("region", its_region, region),
                ("account", its_account, account or its_account),
            ):
                if found != wanted:
                    text = f"{shown(arn)} is not allowed: must be of {word} {wanted}, is of {found}"
                    yield Problem((key,), text)
                    break
            account = account or its_account  # the next one's, as there is one account only


class Operations(Arguments):
    """Notifications. Without this section there is no operations stack."""

    email: Email | None = Field(
        None, description="Address that is notified of blocked queues and failed head jobs"
    )
