"""What a site may choose for all its workers, besides their disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.names import ImageRepository
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Root volume of the ECS-optimized AMI in GiB; a volume cannot be smaller than its snapshot.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-ami-storage-config.html
AMI_ROOT_GIB = 30

#: CloudFormation gives up after 120 minutes, and cannot roll back an environment that is still
#: updating: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
_LONGEST_UPDATE = 90


class WorkerOptions(Arguments):
    """What all workers of a deployment have in common, besides their disk.

    Attributes:
        session_manager: Whether people may open a shell on a worker by Session Manager.
        image_repositories: ECR repositories of tasks' images: names, `*` included, of this account
            and region, or ARNs of others.
        root_size_gib: Size of the root volume, which holds the AMI.
        update_minutes: How long running jobs may hold an update of the workers.
    """

    session_manager: bool = Field(
        default=False,
        description="Whether people may open a shell on a worker by Session Manager",
    )
    image_repositories: Annotated[tuple[ImageRepository, ...], Field(strict=False)] = Field(
        default=(),
        max_length=20,  # an IAM policy holds 6,144 characters
        description="ECR repositories from which tasks' images may be pulled: names in this"
        " account and region, or ARNs of others; `*` stands for any characters",
    )
    root_size_gib: int = Field(
        default=AMI_ROOT_GIB,
        ge=AMI_ROOT_GIB,
        le=1_000,
        description="Size of the root volume in GiB; more only for an AMI that is larger",
    )

    update_minutes: int = Field(
        default=60,
        ge=1,
        le=_LONGEST_UPDATE,
        description="Minutes that running jobs may go on when a deploy replaces workers; then they"
        " are terminated, and retried if their retry strategy allows it",
    )

    def conflicts(self) -> Iterator[Problem]:
        """A repository that is named twice."""
        for position, name in enumerate(self.image_repositories):
            if name in self.image_repositories[:position]:
                text = f"{quote(name)} is not allowed: it is listed twice"
                yield Problem(("image_repositories", position), text)
