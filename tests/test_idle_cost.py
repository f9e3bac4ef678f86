"""What synth says about cost, and that the documents have the same figures."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App

from stacks import idle_cost, paths, prices, settings_file
from stacks.deployment import declare
from testbed.synthesized import CONTEXT, changed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stacks.settings import Settings

README = paths.ROOT / "README.md"
COST = paths.ROOT / "docs" / "cost.md"
NETWORK = paths.ROOT / "docs" / "network.md"


@functools.cache
def declared(egress: str) -> tuple[App, Settings]:
    more: dict[str, object] = {}
    if egress == "isolated":
        more = {"registries": {"quay": True}, "storage": {"customer_key": True}}
    settings = changed("default", network__egress=egress, **more)
    app = App(context=CONTEXT)
    declare(app, settings)
    return app, settings


def found(egress: str) -> list[idle_cost.Item]:
    app, _ = declared(egress)
    return idle_cost.items(app, prices.read()[1])


def idle(egress: str) -> float:
    return sum(item.usd for item in found(egress))


def test_a_deployment_behind_nat_names_each_item() -> None:
    app, settings = declared("nat")
    lines = idle_cost.report(app, settings).splitlines()

    assert "  1 NAT gateway: $32.85" in lines
    assert "  1 public IPv4 address: $3.65" in lines
    assert lines[0].startswith(f"When idle: ${idle('nat'):.2f} a month, and what is stored (prices")
    assert "By the GB: the NAT gateway $0.045, in both directions" in lines
    assert (
        "ngi-igenomes is in eu-west-1: each TB that tasks read there costs $45;"
        " `nfbatch copy-references s3://ngi-igenomes/PREFIX` copies what you name once"
    ) in lines


def test_each_metric_of_an_alarm_is_counted() -> None:
    items = {item.what: item for item in found("nat")}

    # Five alarms of one metric each, and one of the errors of seven functions.
    assert items["metric of an alarm"].number == 12
    assert items["metric of an alarm"].usd == pytest.approx(1.2)


def test_endpoints_are_counted_in_each_zone() -> None:
    items = {item.what: item for item in found("isolated")}

    assert items["endpoint in a zone"].number == 24
    assert items["endpoint in a zone"].usd == pytest.approx(175.2)
    assert items["KMS key"].usd == 1
    assert "NAT gateway" not in items


def test_a_workers_disks_cost_what_their_settings_say() -> None:
    settings = settings_file.read(paths.SETTINGS, "default")

    # 130 GiB, and 125 MiB/s more than are free.
    assert idle_cost.disk_hour(settings) == pytest.approx((130 * 0.08 + 125 * 0.04) / 730)


def test_the_documents_have_the_figures() -> None:
    readme = " ".join(README.read_text().split())
    network = NETWORK.read_text()
    settings = settings_file.read(paths.SETTINGS, "default")

    assert f"${idle('nat'):.2f} a month with a NAT gateway" in readme
    assert f"${idle_cost.disk_hour(settings):.3f} an hour for a worker's disks" in readme
    assert f"dashboard and alarms | {idle('nat'):.2f} |" in COST.read_text()
    gateway = sum(
        item.usd for item in found("nat") if item.what in ("NAT gateway", "public IPv4 address")
    )
    assert f"its IPv4 address: ${gateway:.2f} a month" in network
    (endpoints,) = re.findall(r"8 endpoints in 3 zones cost about\s+\$(\d+)", network)
    assert endpoints == f"{24 * idle_cost.HOURS * prices.read()[1]['endpoint_hour']:.0f}"


ROWS = """\
"FormatVersion","v1.0"
"Disclaimer","x"
"Publication Date","2026-11-01T00:00:00Z"
"Version","1"
"OfferCode","x"
"SKU","TermType","StartingRange","PricePerUnit","usageType"
"1","OnDemand","0","{usd}","USW2-{usage}"
"2","Reserved","0","9","USW2-{usage}"
"""


@pytest.fixture
def price_list(tmp_path: Path) -> Iterator[str]:
    for service in {service for service, _ in prices._USAGE.values()}:
        usages = [usage for owner, usage in prices._USAGE.values() if owner == service]
        head, *_ = ROWS.split('"1",')
        # In bills, KMS's usage types are us-west-2-KMS-Keys and the like.
        region = "us-west-2" if service == "awskms" else "USW2"
        rows = "".join(f'"1","OnDemand","0","0.25","{region}-{usage}"\n' for usage in usages)
        folder = tmp_path / "offers/v1.0/aws" / service / "current/us-west-2"
        folder.mkdir(parents=True)
        (folder / "index.csv").write_text(head + rows)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_table_is_refreshed_from_the_price_list(price_list: str, tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    shutil.copy(prices.TABLE, table)
    prices.refresh("us-west-2", table, price_list)
    label, usd = prices.read(table)

    assert label == "prices of us-west-2, 2026-11-01"
    assert set(usd.values()) == {0.25}
    assert json.loads(table.read_text())["usd"]["kms_key_month"][1].startswith(price_list)


def test_a_price_list_that_lacks_a_price_changes_nothing(price_list: str, tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    shutil.copy(prices.TABLE, table)
    (tmp_path / "offers/v1.0/aws/awskms/current/us-west-2/index.csv").write_text(
        ROWS.format(usd=1, usage="Other")
    )

    with pytest.raises(ValueError, match="has no price of KMS-Keys"):
        prices.refresh("us-west-2", table, price_list)
    assert table.read_text() == prices.TABLE.read_text()


def test_the_price_of_a_dashboard_is_also_found_in_the_list_of_all_regions(
    price_list: str, tmp_path: Path
) -> None:
    table = tmp_path / "prices.json"
    shutil.copy(prices.TABLE, table)
    folder = tmp_path / "offers/v1.0/aws/AmazonCloudWatch/current"
    regional = folder / "us-west-2" / "index.csv"
    lines = regional.read_text().splitlines(keepends=True)
    rows = [line for line in lines if "DashboardsUsageHour" not in line]
    assert len(rows) == len(lines) - 1
    regional.write_text("".join(rows))
    everywhere = [line.replace("USW2-", "").replace("0.25", "0.5") for line in lines]
    (folder / "index.csv").write_text("".join(everywhere))
    prices.refresh("us-west-2", table, price_list)
    _, usd = prices.read(table)

    assert usd["dashboard_month"] == 0.5
    assert usd["alarm_month"] == 0.25, "of the region"
