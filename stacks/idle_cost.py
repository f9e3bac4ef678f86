"""What a deployment costs when nothing runs, and what is billed by hour or GB when something does.

It is counted from the resources, so that nothing that is added later is forgotten by the settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from nextflow_batch import gp3
from stacks import prices
from stacks.settings.isolation import PUBLIC_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stacks.settings import Settings

#: AWS's own number: https://docs.aws.amazon.com/pricing-calculator/latest/userguide/terminology.html
HOURS = 730
_GB_IN_A_TB = 1_000


class Item(NamedTuple):
    """Something that is billed all the time.

    Attributes:
        what: What it is.
        number: How many of it.
        usd: What all of them cost a month.
    """

    what: str
    number: int
    usd: float


def items(app: App, usd: Mapping[str, float]) -> list[Item]:
    """What is billed when nothing runs, except what is stored.

    Args:
        app: The declared app.
        usd: The prices.

    Returns:
        What there is of it, the most expensive first.
    """
    units: dict[str, float] = {
        "NAT gateway": HOURS * usd["nat_gateway_hour"],
        "public IPv4 address": HOURS * usd["public_ipv4_hour"],
        "endpoint in a zone": HOURS * usd["endpoint_hour"],
        "KMS key": usd["kms_key_month"],
        "dashboard": usd["dashboard_month"],
        "metric of an alarm": usd["alarm_month"],
    }
    counts = dict.fromkeys(units, 0)
    for child in app.node.find_all():
        match child:
            case ec2.CfnNatGateway():
                counts["NAT gateway"] += 1
            case ec2.CfnEIP():
                counts["public IPv4 address"] += 1
            case ec2.CfnVPCEndpoint() if child.vpc_endpoint_type == "Interface":
                counts["endpoint in a zone"] += len(Stack.of(child).resolve(child.subnet_ids))
            case kms.CfnKey():
                counts["KMS key"] += 1
            case cloudwatch.CfnDashboard():
                counts["dashboard"] += 1
            case cloudwatch.CfnAlarm():
                counts["metric of an alarm"] += _metrics(child)
    found = [Item(what, counts[what], counts[what] * each) for what, each in units.items()]
    return sorted((item for item in found if item.number), key=lambda item: -item.usd)


def _metrics(alarm: cloudwatch.CfnAlarm) -> int:
    """How many metrics an alarm evaluates; each is billed.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
    """
    queries = Stack.of(alarm).resolve(alarm.metrics) or []
    return sum("metricStat" in query for query in queries) or 1


def disk_hour(settings: Settings) -> float:
    """USD for an hour of a worker's disks, as it starts.

    Args:
        settings: They say how large these are, and what gp3 costs.
    """
    scratch = settings.scratch
    month = (
        (settings.worker.root_size_gib + scratch.size_gib) * scratch.gp3_usd_per_gib
        + (scratch.iops - gp3.FREE_IOPS) * scratch.gp3_usd_per_iops
        + (scratch.throughput_mibs - gp3.FREE_MIBS) * scratch.gp3_usd_per_mibs
    )
    return month / HOURS


def report(app: App, settings: Settings) -> str:
    """All of it in words, one line for each item.

    Args:
        app: The declared app.
        settings: What it was declared from.
    """
    label, usd = prices.read()
    found = items(app, usd)
    total = sum(item.usd for item in found)
    lines = [f"When idle: ${total:.2f} a month, and what is stored ({label})"]
    lines += [f"  {item.number} {item.what}: ${item.usd:.2f}" for item in found]
    lines += [
        f"A worker's disks: ${disk_hour(settings):.4f} an hour, until they grow",
        *_routes(settings, usd),
        *_references(settings, usd),
    ]
    return "\n".join(lines)


def _routes(settings: Settings, usd: Mapping[str, float]) -> Iterator[str]:
    if settings.network.existing is None:
        egress = settings.network.egress
        if egress == "nat":
            yield f"By the GB: the NAT gateway ${usd['nat_gateway_gb']:.3f}, in both directions"
        elif egress == "isolated":
            yield f"By the GB: the endpoints ${usd['endpoint_gb']:.3f}"
        else:
            yield f"By the hour: each worker's IPv4 address ${usd['public_ipv4_hour']:.3f}"
    yield f"By the GB: logs, flow logs too ${usd['logs_gb']:.2f}; S3 in this region nothing"


def _references(settings: Settings, usd: Mapping[str, float]) -> Iterator[str]:
    if settings.network.existing is not None or settings.network.egress != "nat":
        return
    for name in settings.storage.reference_buckets:
        place = PUBLIC_BUCKETS.get(name, settings.region)
        if place != settings.region:
            terabyte = _GB_IN_A_TB * usd["nat_gateway_gb"]
            yield (
                f"{name} is in {place}: each TB that tasks read there costs ${terabyte:.0f};"
                f" `nfbatch copy-references s3://{name}/PREFIX` copies what you name once"
            )
