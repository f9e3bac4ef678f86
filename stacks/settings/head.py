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

    job_definition: JobDefinitionName = "nextflow"
    vcpus: HeadVcpus = 2
    memory_mib: HeadMemory = 8_192
    attempts: Attempts = 3
    task_queue: QueueName = Field("default", description="Queue of the tasks (NF_JOB_QUEUE)")
    on_demand_queue: QueueName | None = Field(
        None,
        description="Queue of a task's attempts after its first spot_attempts; unset: task_queue",
    )
    spot_attempts: Attempts | None = Field(
        None, description="Attempts of a task that stay in task_queue; unset: 1"
    )
    git_secret: SecretArn | None = Field(
        None, description="ARN of the secret with Nextflow's scm file, for private repositories"
    )
    seqera_secret: SecretArn | None = Field(
        None, description="ARN of the secret with an access token of Seqera Platform"
    )
    architecture: Architecture = "x86_64"

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
    """Who is told when something needs a person."""

    email: Email | None = Field(None, description="Gets blocked queues and failed heads")
