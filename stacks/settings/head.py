"""The job that runs `nextflow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextflow_batch import Head as HeadArguments
from nextflow_batch.names import SecretArn
from nextflow_batch.problem import Problem, quote
from stacks.settings.arn import account_of, misplaced

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
            if text := misplaced(arn, region, account):
                yield Problem((key,), text)
            # There is one account only, so the other secret must be in the same.
            account = account or account_of(arn)
