"""ARNs that a settings file names."""

from __future__ import annotations

from nextflow_batch.problem import quote
from nextflow_batch.regions import partition


def account_of(arn: str) -> str:
    """The account that an ARN names."""
    return arn.split(":")[4]


def misplaced(arn: str, region: str, account: str | None) -> str | None:
    """Says where a resource must be, if it is elsewhere.

    Args:
        arn: Its ARN.
        region: The deployment's.
        account: Likewise, if it is known.

    Returns:
        What is wrong; none if it is in the deployment's place.
    """
    _, its_partition, _, its_region, its_account, *_ = arn.split(":")
    for word, actual, expected in (
        ("partition", its_partition, partition(region)),
        ("region", its_region, region),
        ("account", its_account, account or its_account),
    ):
        if actual != expected:
            return f"{quote(arn)} is not allowed: must be in {word} {expected}, but is in {actual}"
    return None
