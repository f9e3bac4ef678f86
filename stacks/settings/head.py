"""The job that runs `nextflow`, and who is notified about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextflow_batch import Head as HeadArguments
from nextflow_batch.arguments import Arguments
from nextflow_batch.names import Email, SecretArn
from nextflow_batch.problem import Problem, quote
from nextflow_batch.regions import partition

if TYPE_CHECKING:
    from collections.abc import Iterator


class Head(HeadArguments):
    """The job that runs `nextflow`."""

    git_secret: SecretArn | None = Field(
        None,
        description="ARN of a secret in this region with Nextflow's SCM file, for private"
        " repositories",
    )
    seqera_secret: SecretArn | None = Field(
        None, description="ARN of a secret in this region with an access token of Seqera Platform"
    )

    def conflicts(self) -> Iterator[Problem]:
        """The library's, and a secret that serves twice."""
        yield from super().conflicts()
        if self.git_secret and self.git_secret == self.seqera_secret:
            text = f"{quote(self.seqera_secret)} is not allowed: it is already the git_secret"
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
            for word, actual, expected in (
                ("partition", its_partition, partition(region)),
                ("region", its_region, region),
                ("account", its_account, account or its_account),
            ):
                if actual != expected:
                    text = (
                        f"{quote(arn)} is not allowed: must be in {word} {expected}, but is in"
                        f" {actual}"
                    )
                    yield Problem((key,), text)
                    break
            account = account or its_account  # the next one's, as there is one account only


class Operations(Arguments):
    """Notifications. Without this section there is no operations stack."""

    email: Email | None = Field(
        None, description="Address that is notified of blocked queues and failed head jobs"
    )
