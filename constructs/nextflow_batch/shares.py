"""How teams share queues: the fair-share scheduling of AWS Batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from pydantic import Field

from nextflow_batch.arguments import Arguments, Like
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import Construct

#: https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html (shareIdentifier)
ShareName = Annotated[
    str, Like(r"[A-Za-z0-9]{1,255}", "up to 255 letters and digits, such as genomics")
]
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html
_SharePattern = Annotated[
    str,
    Like(
        r"[A-Za-z0-9]{1,255}\*?",
        "up to 255 letters and digits, with * only at the end, such as genomics or user*",
    ),
]
_WeightFactor = Annotated[float, Field(ge=0.0001, le=999.9999)]


class Shares(Arguments):
    """How the queues' capacity is divided between teams.

    Attributes:
        weight_factors: Each share's weight factor, as Batch defines it: 0.5 gets twice as much as
            1. A name that ends with * stands for all shares that begin so.
        default: The share of runs that name none.
        decay_seconds: For how long what a share has used counts.
        compute_reservation: Percent of the vCPUs that one share alone cannot have.
    """

    weight_factors: dict[_SharePattern, _WeightFactor] = Field(
        min_length=1,
        max_length=500,  # https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
        description="Weight factor of each share, by name; 0.5 gets twice as much as 1; `user*`"
        " stands for all shares that begin with user",
    )
    default: ShareName = Field(description="The share of runs that name none")
    decay_seconds: int = Field(
        default=3_600,
        ge=600,
        le=604_800,
        description="How long what a share has used counts against it",
    )
    compute_reservation: int = Field(
        default=10,
        ge=0,
        le=99,
        description="Percent of `max_vcpus` that is kept free for a second share while only one has"
        " jobs; of three shares this percentage of this percentage, and so on",
    )

    def conflicts(self) -> Iterator[Problem]:
        """Names that overlap, and a default that none of them covers."""
        # "The list of share identifiers in a fair-share policy can't overlap."
        prefixes = [name[:-1] for name in self.weight_factors if name.endswith("*")]
        for name in self.weight_factors:
            for prefix in prefixes:
                if name != f"{prefix}*" and name.startswith(prefix):
                    text = f"is not allowed: {prefix}* already includes it"
                    yield Problem(("weight_factors", name), text)
        if not self.includes(self.default):
            names = ", ".join(self.weight_factors)
            text = f"{quote(self.default)} is not allowed: must be one of weight_factors: {names}"
            yield Problem(("default",), text)

    def includes(self, share: str) -> bool:
        """Whether a weight factor is for this share."""
        return any(
            share.startswith(name[:-1]) if name.endswith("*") else share == name
            for name in self.weight_factors
        )

    def policy(self, scope: Construct, construct_id: str) -> batch.FairshareSchedulingPolicy:
        """The scheduling policy, for queues.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
        """
        return batch.FairshareSchedulingPolicy(
            scope,
            construct_id,
            share_decay=Duration.seconds(self.decay_seconds),
            compute_reservation=self.compute_reservation,
            shares=[
                batch.Share(share_identifier=name, weight_factor=factor)
                for name, factor in self.weight_factors.items()
            ],
        )
