"""Finds the Batch of an account and region among moto's backends."""

from typing import TYPE_CHECKING, cast

from moto.batch.models import batch_backends

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch


def backend_of(account_id: str, region_name: str) -> "LocalBatch":
    """Find, or make, the state of Batch in one account and region.

    Args:
        account_id: The account.
        region_name: The region.

    Returns:
        Our backend, which `install` has put in the place of moto's.

    """
    return cast("LocalBatch", batch_backends[account_id][region_name])
