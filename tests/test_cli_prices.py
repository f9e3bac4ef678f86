"""`nfbatch prices`: the shipped table, and AWS's price list from a server of the same form.

The form is that of
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/service-region-infex-file-for-service.html
(region index) and
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
(CSV: five rows of metadata, then columns); columns as in EC2's list of 2025-09-12.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_batch import instance_types
from nfbatch import price_list, prices
from nfbatch.__main__ import run
from nfbatch.error import Kind, NfbatchError
from nfbatch.prices import Instance, PriceTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "us-west-2"
METADATA = [
    ["FormatVersion", "v1.0"],
    ["Disclaimer", "This pricing list is for informational purposes only."],
    ["Publication Date", "2026-11-20T22:53:08Z"],
    ["Version", "20261120225308"],
]
LINUX = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "PricePerUnit": "0.1920000000",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "Instance Type": "m6i.xlarge",
    "vCPU": "4",
    "Memory": "16 GiB",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
}
STORED = {
    "TermType": "OnDemand",
    "StartingRange": "0",
    "Unit": "GB-Mo",
    "PricePerUnit": "0.0230000000",
    "usageType": "USW2-TimedStorage-ByteHrs",
}


def offer(service: str, *rows: dict[str, str]) -> bytes:
    """A price list of some rows."""
    columns = sorted({name for row in rows for name in row} | {"SKU", "PricePerUnit"})
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([*METADATA, ["OfferCode", service], columns])
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return text.getvalue().encode()


def documents(*rows: dict[str, str], stored: tuple[dict[str, str], ...] = ()) -> dict[str, bytes]:
    """What the server has, by path."""
    found = {}
    for service, lines in (("AmazonEC2", rows), ("AmazonS3", stored)):
        version = f"/offers/v1.0/aws/{service}/20261120225308/{REGION}/index"
        index = {
            "formatVersion": "v1.0",
            "publicationDate": "2026-11-20T22:53:08Z",
            "regions": {
                REGION: {"regionCode": REGION, "currentVersionUrl": f"{version}.json"},
            },
        }
        found[f"/offers/v1.0/aws/{service}/current/region_index.json"] = json.dumps(index).encode()
        found[f"{version}.csv"] = offer(service, *lines)
    return found


@contextmanager
def serving(content: dict[str, bytes]) -> Iterator[str]:
    """A server of these documents; it yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_the_shipped_table_names_its_source_and_date() -> None:
    table = prices.load(REGION)

    assert (table.region, table.published) == ("us-east-1", "2026-07-20")
    assert "https://" in table.source
    assert "https://" in table.s3_source
    assert table.instance("m6i.xlarge") == Instance(0.192, 4, 16384)
    assert table.instance("m6i.nothing") is None


def test_the_shipped_sizes_are_those_of_the_library() -> None:
    sizes = json.loads(instance_types.TABLE.read_text())
    for family, instances in prices.load(None).instances.items():
        for size, instance in instances.items():
            assert list(instance[1:]) == sizes[family][size][:2], f"{family}.{size}"


def test_bundles_are_those_of_the_library() -> None:
    assert prices.BUNDLES == instance_types._BUNDLES


def test_types_are_families_sizes_or_bundles_without_bare_metal() -> None:
    table = prices.load(None)

    assert set(table.types(["m6i.large", "nonsense", "m6i.metal"])) == {"m6i.large", "m6i.metal"}
    assert "m6i.metal" not in table.types(["m6i"])
    assert {name.partition(".")[0] for name in table.types(["optimal"])} == {
        *("m6i", "c6i", "r6i", "c7i")
    }


def test_only_linux_on_demand_is_read_from_the_price_list() -> None:
    others = [
        LINUX | {"Operating System": "Windows", "PricePerUnit": "9"},
        LINUX | {"Tenancy": "Dedicated", "PricePerUnit": "9"},
        LINUX | {"CapacityStatus": "UnusedCapacityReservation", "PricePerUnit": "9"},
        LINUX | {"Pre Installed S/W": "SQL Std", "PricePerUnit": "9"},
        LINUX | {"TermType": "Reserved", "PricePerUnit": "9"},
        LINUX | {"PricePerUnit": "0.0000000000"},
        LINUX | {"Instance Type": "odd.large", "Memory": "NA"},
        {"TermType": "OnDemand", "Product Family": "Storage", "Unit": "GB-Mo"},
    ]
    large = {"Instance Type": "u7i.metal", "vCPU": "448", "Memory": "12,288 GiB"}
    archived = STORED | {"usageType": "USW2-TimedStorage-GlacierByteHrs", "PricePerUnit": "9"}
    later = STORED | {"StartingRange": "51200", "PricePerUnit": "0.0220000000"}
    content = documents(*others, LINUX, LINUX | large, stored=(archived, later, STORED))
    with serving(content) as host:
        table = price_list.fetch(REGION, host)

    assert table.instances == {
        "m6i": {"xlarge": (0.192, 4, 16384)},
        "u7i": {"metal": (0.192, 448, 12288 * 1024)},
    }
    assert (table.region, table.published, table.s3_gib_month) == (REGION, "2026-11-20", 0.023)
    assert table.source.endswith(f"/AmazonEC2/20261120225308/{REGION}/index.csv")


def test_a_refreshed_table_is_used_for_its_region_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = price_list.fetch
    with serving(documents(LINUX, stored=(STORED,))) as host:
        monkeypatch.setattr(price_list, "fetch", lambda region: fetch(region, host))
        assert run(["prices", "--refresh", "--region", REGION, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert (shown["region"], shown["published"]) == (REGION, "2026-11-20")
    assert shown["instance_types"] == 1
    assert prices.load(REGION).instances == {"m6i": {"xlarge": (0.192, 4, 16384)}}
    assert prices.load("eu-west-1").region == "us-east-1"
    assert run(["prices", "--region", "eu-west-1"]) == 0
    assert "these are not the prices of eu-west-1" in capsys.readouterr().err


def test_a_written_table_is_read_again(tmp_path: Path) -> None:
    table = prices.load(None)
    table.write(tmp_path / "table.json")

    assert PriceTable.read(tmp_path / "table.json") == table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "cannot be read: HTTP Error 404"),
        (documents(), "has another form than nfbatch knows: it has no Linux instance"),
        (
            documents(LINUX) | {"/offers/v1.0/aws/AmazonEC2/current/region_index.json": b"[]"},
            "has another form than nfbatch knows: it has no regions",
        ),
        (
            documents(LINUX)
            | {f"/offers/v1.0/aws/AmazonEC2/20261120225308/{REGION}/index.csv": b"<html>\n"},
            "its first rows are not those of a price list",
        ),
        (documents({k: v for k, v in LINUX.items() if k != "vCPU"}), "a row cannot be read"),
    ],
)
def test_a_price_list_that_cannot_be_read_is_one_line(
    content: dict[str, bytes], message: str
) -> None:
    with serving(content) as host, pytest.raises(NfbatchError) as raised:
        price_list.fetch(REGION, host)

    assert message in str(raised.value)
    assert str(raised.value).endswith("the prices stay as they are")
    assert raised.value.kind == Kind.UNREACHABLE


def test_a_region_that_the_list_lacks_is_one_line() -> None:
    with serving(documents(LINUX)) as host, pytest.raises(NfbatchError) as raised:
        price_list.fetch("mars-1", host)

    assert "has no region 'mars-1': it has us-west-2" in str(raised.value)


def test_a_damaged_table_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = prices.refreshed_path(REGION)
    path.parent.mkdir(parents=True)
    path.write_text("{}")

    assert run(["prices", "--region", REGION]) == Kind.BAD_INPUT
    assert capsys.readouterr().err == (
        f"nfbatch: {path} is not a table of prices: `nfbatch prices --refresh` writes it again\n"
    )
