"""What an organization demands of every role and policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.arguments import Arguments, Like
from nextflow_batch.problem import Problem, quote
from nextflow_batch.regions import partition

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH = r"/(?:[A-Za-z0-9._+=,@-]+/)*"
PolicyArn = Annotated[
    str,
    Like(
        rf"arn:aws[a-z-]*:iam::(?:aws|(?!0{{12}})\d{{12}}):policy{_PATH}[A-Za-z0-9._+=,@-]{{1,128}}",
        "a policy's ARN, such as arn:aws:iam::123456789012:policy/boundary",
    ),
]
RolePath = Annotated[
    str,
    Like(
        rf"(?=.{{1,256}}$){_PATH}",
        "a path that begins and ends with a slash, such as /lab/",
    ),
]
#: A role's name has at most 64 characters, of which 32 stay for the name itself.
NamePrefix = Annotated[
    str,
    Like(
        r"[A-Za-z0-9._+=,@-]{1,32}",
        "up to 32 letters, digits and characters of ._+=,@-, such as lab-",
    ),
]


class Roles(Arguments):
    """What every IAM role and policy of the stacks has."""

    permissions_boundary: PolicyArn | None = Field(
        None, description="ARN of the policy that limits every role, as its permissions boundary"
    )
    path: RolePath | None = Field(
        None, description="Path of every role, policy and instance profile; unset: /"
    )
    name_prefix: NamePrefix | None = Field(
        None,
        description="Beginning of the name of every role, policy and instance profile; unset:"
        " CloudFormation generates names that begin with the stack's",
    )

    def boundary_conflicts(self, region: str, account: str | None) -> Iterator[Problem]:
        """A boundary that no role of the deployment could have.

        Args:
            region: Where the deployment is.
            account: In which account, if that is known.

        Yields:
            The problem, below the roles.
        """
        if not self.permissions_boundary:
            return
        arn = self.permissions_boundary
        _, its_partition, _, _, its_account, *_ = arn.split(":")
        for word, actual, expected in (
            ("partition", its_partition, partition(region)),
            ("account", its_account, account or its_account),
        ):
            if actual not in (expected, "aws" if word == "account" else expected):
                text = (
                    f"{quote(arn)} is not allowed: must be in {word} {expected}, but is in {actual}"
                )
                yield Problem(("permissions_boundary",), text)
                return
