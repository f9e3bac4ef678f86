"""What AWS asks for what runs all the time: a dated table, which `make prices` refreshes."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = Path(__file__).with_suffix(".json")
#: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
HOST = "https://pricing.us-east-1.amazonaws.com"
#: Of each key the service of the price list and the end of its usage type; before it may be a
#: region's code. https://cur.vantage.sh lists them.
_USAGE = {
    "nat_gateway_hour": ("AmazonEC2", "NatGateway-Hours"),
    "nat_gateway_gb": ("AmazonEC2", "NatGateway-Bytes"),
    "public_ipv4_hour": ("AmazonVPC", "PublicIPv4:InUseAddress"),
    "endpoint_hour": ("AmazonVPC", "VpcEndpoint-Hours"),
    "endpoint_gb": ("AmazonVPC", "VpcEndpoint-Bytes"),
    "logs_gb": ("AmazonCloudWatch", "DataProcessing-Bytes"),
    "dashboard_month": ("AmazonCloudWatch", "DashboardsUsageHour"),
    "alarm_month": ("AmazonCloudWatch", "CW:AlarmMonitorUsage"),
    "kms_key_month": ("awskms", "KMS-Keys"),
}
#: What costs the same everywhere is not in each region's list.
_EVERYWHERE = frozenset({"dashboard_month"})
#: USW2- or, with KMS, us-west-2-.
_REGION = re.compile(r"^(?:[A-Z]{2,4}\d?|[a-z]{2}(?:-[a-z]+)+-\d)-")
_ROWS_OF_METADATA = 5


def read(path: Path = TABLE) -> tuple[str, Mapping[str, float]]:
    """The prices.

    Args:
        path: The table.

    Returns:
        Whose they are and of when, and USD by key.
    """
    table = json.loads(path.read_text(encoding="utf-8"))
    label = f"prices of {table['region']}, {table['published']}"
    return label, {key: usd for key, (usd, _source) in table["usd"].items()}


def refresh(region: str, path: Path = TABLE, host: str = HOST) -> None:
    """Write the table from AWS's public price list; that of EC2 has several hundred MB.

    Args:
        region: Whose prices.
        path: The table.
        host: The scheme and host of the price list.

    Raises:
        OSError: The list cannot be read.
        ValueError: It lacks a price; the table stays as it is.
    """
    table = json.loads(path.read_text(encoding="utf-8"))
    published = ""
    for service in dict.fromkeys(service for service, _ in _USAGE.values()):
        wanted = {usage: key for key, (owner, usage) in _USAGE.items() if owner == service}
        lists = f"{host}/offers/v1.0/aws/{service}/current"
        address = f"{lists}/{region}/index.csv"
        for published_on, usage, usd in _prices(address):
            published = max(published, published_on)
            if key := wanted.pop(_REGION.sub("", usage), None):
                table["usd"][key] = [usd, address]
        if wanted and set(wanted.values()) <= _EVERYWHERE:
            address = f"{lists}/index.csv"
            for _, usage, usd in _prices(address):
                if key := wanted.pop(usage, None):
                    table["usd"][key] = [usd, address]
        if wanted:
            raise ValueError(f"{address} has no price of {', '.join(wanted)}")
    table |= {"region": region, "published": published}
    text = json.dumps(table, indent=2)
    # One price a line, as it is reviewed.
    text = re.sub(r"\[\s+([\d.]+),\s+(\"[^\"]*\")\s+\]", r"[\1, \2]", text)
    path.write_text(f"{text}\n", encoding="utf-8")


def _prices(address: str) -> Iterator[tuple[str, str, float]]:
    """Of each price on demand, the date of the list, the usage type and USD."""
    for date, row in _rows(address):
        is_first = row.get("StartingRange") in ("0", "")
        if is_first and row.get("TermType") == "OnDemand" and float(row["PricePerUnit"]) > 0:
            yield date, row.get("usageType", ""), float(row["PricePerUnit"])


def _rows(address: str) -> Iterator[tuple[str, dict[str, str]]]:
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our scheme
        reader = csv.reader(io.TextIOWrapper(answer, encoding="utf-8", newline=""))
        metadata: dict[str, Any] = dict(
            row[:2] for row in (next(reader) for _ in range(_ROWS_OF_METADATA)) if len(row) > 1
        )
        columns = next(reader)
        for values in reader:
            yield (
                metadata.get("Publication Date", "")[:10],
                dict(zip(columns, values, strict=False)),
            )


if __name__ == "__main__":
    try:
        refresh(sys.argv[1])
    except (OSError, ValueError) as error:
        sys.exit(f"{error}; the table stays as it is")
