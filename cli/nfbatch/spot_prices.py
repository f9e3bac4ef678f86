"""Spot prices at one moment: EC2 keeps them for 90 days."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws


def read(aws: Aws, types: Sequence[str], moment: int) -> dict[str, float]:
    """USD for an hour of each type, the mean of its zones.

    With the same start and end, the answer has for each zone the price that was in force then.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html

    Args:
        aws: The account and region.
        types: Names of instance types.
        moment: In milliseconds since 1970.

    Returns:
        The types that had a price.
    """
    if not types:
        return {}
    at = datetime.fromtimestamp(moment / 1000, UTC)
    pages = (
        aws.client("ec2")
        .get_paginator("describe_spot_price_history")
        .paginate(
            StartTime=at,
            EndTime=at,
            InstanceTypes=list(types),
            ProductDescriptions=["Linux/UNIX"],
        )
    )
    newest: dict[tuple[str, str], tuple[datetime, float]] = {}
    for page in pages:
        for entry in page["SpotPriceHistory"]:
            place = entry["InstanceType"], entry["AvailabilityZone"]
            found = entry["Timestamp"], float(entry["SpotPrice"])
            newest[place] = max(newest.get(place, found), found)
    of_type: defaultdict[str, list[float]] = defaultdict(list)
    for (name, _), (_, price) in newest.items():
        of_type[name].append(price)
    return {name: sum(prices) / len(prices) for name, prices in of_type.items()}
