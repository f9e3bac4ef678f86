"""The runs of a month, by what they left in S3: Batch forgets them after a week."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nfbatch import capacity, cost, record, run, run_usage
from nfbatch.error import Kind, NfbatchError
from nfbatch.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.aws import Aws
    from nfbatch.cost import Cost
    from nfbatch.deployment import Deployment

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_OF_RUN = re.compile(rf"run-({run.JOB_ID.pattern})/run\.json")
_THREADS = 8
_DECEMBER = 12


@dataclass(frozen=True)
class RunOfMonth:
    """A run that started in a month.

    Attributes:
        id: Id of its job.
        record: Its run.json.
        head: The run; None if Batch has forgotten it.
        cost: What it cost.
    """

    id: str
    record: dict[str, Any]
    head: Run | None
    cost: Cost

    @property
    def name(self) -> str:
        """Its name; its project, if Batch has forgotten it."""
        return self.head.name if self.head else str(self.record.get("project") or "-")


def bounds(name: str | None) -> tuple[datetime, datetime]:
    """The start and end of a month.

    Args:
        name: Such as 2026-11; this month when not given.

    Raises:
        NfbatchError: It is no month.
    """
    now = datetime.now(UTC)
    found = _MONTH.fullmatch(name or f"{now:%Y-%m}")
    year, month = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= month <= _DECEMBER or not year:
        raise NfbatchError(
            Kind.BAD_INPUT, f"{name!r} is no month: write it as YYYY-MM, such as {now:%Y-%m}"
        )
    following = (year, month + 1) if month < _DECEMBER else (year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def runs(aws: Aws, deployment: Deployment, start: datetime, end: datetime) -> list[RunOfMonth]:
    """The runs that started between two moments, the first one first.

    Args:
        aws: The account and region.
        deployment: Whose runs.
        start: The earliest start.
        end: What they started before.
    """
    ids = list(_written_since(aws, deployment, start))
    first, last = (int(moment.timestamp() * 1000) for moment in (start, end))
    with ThreadPoolExecutor(_THREADS) as pool:
        records = pool.map(lambda each: record.read(aws, deployment.logs / f"run-{each}"), ids)
        known = {
            each: found
            for each, found in zip(ids, records, strict=True)
            if found and first <= (found.get("started") or 0) < last
        }
    heads = {job["jobId"]: Run(job) for job in run.describe(aws, list(known))}
    place = capacity.read(aws, deployment)
    made = [
        RunOfMonth(
            each,
            found,
            heads.get(each),
            cost.estimate(
                aws,
                deployment,
                run_usage.collect(aws, deployment, heads.get(each), found),
                place=place,
                asks_ecs=False,
            ),
        )
        for each, found in known.items()
    ]
    return sorted(made, key=lambda each: int(each.record["started"]))


def _written_since(aws: Aws, deployment: Deployment, start: datetime) -> Iterator[str]:
    """The runs whose run.json was written at or after a moment."""
    logs = deployment.logs
    pages = (
        aws.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=logs.bucket, Prefix=f"{logs.key}/run-")
    )
    for page in pages:
        for item in page.get("Contents", []):
            found = _OF_RUN.fullmatch(item["Key"].removeprefix(f"{logs.key}/"))
            if found and item["LastModified"] >= start:
                yield found[1]
