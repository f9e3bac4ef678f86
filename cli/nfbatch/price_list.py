"""AWS's public price list: files that need no credentials.

The region index is JSON and names the price list of each region. The list itself is read as CSV,
row by row: that of EC2 has several hundred MB, which as JSON would have to be in memory at once.

Sources: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html,
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
(five rows of metadata, then the names of the columns).
"""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from nfbatch.error import Kind, NfbatchError
from nfbatch.prices import Instance, PriceTable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html
HOST = "https://pricing.us-east-1.amazonaws.com"
_TIMEOUT = 60.0
_ROWS_OF_METADATA = 5
_LINUX_ON_DEMAND = {
    "TermType": "OnDemand",
    "Product Family": "Compute Instance",
    "Operating System": "Linux",
    "Tenancy": "Shared",
    "Pre Installed S/W": "NA",
    # Others are capacity reservations.
    "CapacityStatus": "Used",
    "Unit": "Hrs",
    "Currency": "USD",
}
_STORED = re.compile(r"(?:[A-Z0-9]+-)?TimedStorage-ByteHrs")


def fetch(region: str, host: str = HOST) -> PriceTable:
    """The prices of a region.

    Args:
        region: The region.
        host: The scheme and host of the price list.

    Raises:
        NfbatchError: The list cannot be reached, lacks the region or has another form.
    """
    instances: dict[str, dict[str, Instance]] = {}
    with _rows(host, "AmazonEC2", region) as (published, address, rows):
        for row in rows:
            found = _instance(row)
            if found:
                family, _, size = row["Instance Type"].partition(".")
                instances.setdefault(family, {})[size] = found
    if not instances:
        raise _strange(address, "it has no Linux instance")
    with _rows(host, "AmazonS3", region) as (_, s3_address, rows):
        stored = next((float(row["PricePerUnit"]) for row in rows if _is_first_tier(row)), None)
    return PriceTable(
        region=region,
        published=published[:10],
        source=address,
        s3_gib_month=stored,
        s3_source=s3_address,
        instances={
            family: dict(sorted(sizes.items(), key=lambda item: item[1][1:]))
            for family, sizes in instances.items()
        },
    )


def _instance(row: dict[str, str]) -> Instance | None:
    if any(row.get(name) != value for name, value in _LINUX_ON_DEMAND.items()):
        return None
    memory = row["Memory"].removesuffix(" GiB").replace(",", "")
    try:
        price = float(row["PricePerUnit"])
        found = Instance(price, int(row["vCPU"]), int(float(memory) * 1024))
    except ValueError:
        return None
    return found if price > 0 else None


def _is_first_tier(row: dict[str, str]) -> bool:
    """Whether it is the price of S3 Standard up to 50 TB."""
    return (
        row.get("TermType") == "OnDemand"
        and bool(_STORED.fullmatch(row.get("usageType", "")))
        and row.get("StartingRange") == "0"
    )


@contextmanager
def _rows(
    host: str, service: str, region: str
) -> Iterator[tuple[str, str, Iterator[dict[str, str]]]]:
    """The publication date, address and rows of a region's price list."""
    index = f"{host}/offers/v1.0/aws/{service}/current/region_index.json"
    with _open(index) as answer:
        try:
            regions = json.load(answer)["regions"]
        except (ValueError, KeyError, TypeError):
            raise _strange(index, "it has no regions") from None
    if region not in regions:
        raise NfbatchError(
            Kind.BAD_INPUT, f"{index} has no region {region!r}: it has {', '.join(sorted(regions))}"
        )
    address = host + regions[region]["currentVersionUrl"].removesuffix(".json") + ".csv"
    with _open(address) as answer:
        lines = io.TextIOWrapper(answer, encoding="utf-8", newline="")
        reader = csv.reader(lines)
        metadata = dict(_pair(next(reader, [])) for _ in range(_ROWS_OF_METADATA))
        columns = next(reader, [])
        if "Publication Date" not in metadata or "PricePerUnit" not in columns:
            raise _strange(address, "its first rows are not those of a price list")
        rows = (dict(zip(columns, values, strict=False)) for values in reader)
        try:
            yield metadata["Publication Date"], address, rows
        except (KeyError, csv.Error) as error:
            raise _strange(address, f"a row cannot be read ({error})") from None


def _pair(row: list[str]) -> tuple[str, str]:
    return (row[0], row[1]) if len(row) > 1 else ("", "")


@contextmanager
def _open(address: str) -> Iterator[Any]:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310 - our scheme
            yield answer
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise NfbatchError(
            Kind.UNREACHABLE, f"{address} cannot be read: {error}; the prices stay as they are"
        ) from None


def _strange(address: str, what: str) -> NfbatchError:
    return NfbatchError(
        Kind.UNREACHABLE,
        f"{address} has another form than nfbatch knows: {what}; the prices stay as they are",
    )
