"""AWS's regions, their partitions and how many zones they have: a table of facts.

The regions are those in which botocore knows AWS Batch, the zones those that moto knows, and a
third in cn-north-1; tests compare both. New accounts get two zones in us-west-1, and three in
ap-northeast-1; https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

TABLE = Path(__file__).with_suffix(".json")


class _Facts(NamedTuple):
    partition: str
    zones: int | None


@cache
def _table() -> dict[str, _Facts]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        region: _Facts(partition, count)
        for partition, regions in table.items()
        for region, count in regions.items()
    }


def zone_count(region: str) -> int | None:
    """How many zones a region of the table has; none where that is not published."""
    return _table()[region].zones


def partition(region: str) -> str:
    """The partition (`aws`, `aws-cn`) of a region of the table."""
    return _table()[region].partition


def _check(region: str) -> str:
    if region not in _table():
        like = get_close_matches(region, _table(), n=1)
        hint = f" (did you mean {like[0]}?)" if like else ""
        raise ValueError(f"must be a region that has AWS Batch, such as us-west-2{hint}")
    return region


Region = Annotated[str, AfterValidator(_check)]
