"""Whether the workers' subnets lead to what a worker calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.site import Site

#: Without a way out, workers need these endpoints, and a gateway to S3; docs/network.md.
ENDPOINTS = ("ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "ec2")
#: A subnet with fewer free addresses soon takes no more workers.
FEWEST_ADDRESSES = 8


def obstacles(site: Site) -> Iterator[str]:
    """What keeps workers from AWS, a sentence for each subnet.

    Args:
        site: The deployment.
    """
    subnets = site.subnets
    vpcs = sorted({subnet["VpcId"] for subnet in subnets})
    if not vpcs:
        return
    ec2 = site.client("ec2")
    of_vpcs = [{"Name": "vpc-id", "Values": vpcs}]
    tables = ec2.describe_route_tables(Filters=of_vpcs)["RouteTables"]
    endpoints = ec2.describe_vpc_endpoints(Filters=of_vpcs)["VpcEndpoints"]
    for subnet in subnets:
        table = _table(tables, subnet)
        problem = _problem(subnet, table, endpoints, site.aws.region or "")
        if problem:
            yield problem


def _table(tables: list[dict[str, Any]], subnet: dict[str, Any]) -> dict[str, Any]:
    """The route table of a subnet: its own, or else the VPC's main one."""
    own, main = None, None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet["SubnetId"]:
                own = table
            elif association.get("Main") and table.get("VpcId") == subnet["VpcId"]:
                main = table
    return own or main or {}


def _problem(
    subnet: dict[str, Any],
    table: dict[str, Any],
    endpoints: list[dict[str, Any]],
    region: str,
) -> str | None:
    name = subnet["SubnetId"]
    ways = [
        route
        for route in table.get("Routes", [])
        if "0.0.0.0/0" in (route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock"))
    ]
    if not ways:
        return _without_way_out(subnet, table, endpoints, region)
    if all(way.get("State") == "blackhole" for way in ways):
        return f"the default route of {name} leads to something that was deleted"
    to_internet = any((way.get("GatewayId") or "").startswith("igw-") for way in ways)
    if to_internet and not subnet.get("MapPublicIpOnLaunch"):
        return f"{name} leads to an internet gateway, but its instances get no public address"
    return None


def _without_way_out(
    subnet: dict[str, Any],
    table: dict[str, Any],
    endpoints: list[dict[str, Any]],
    region: str,
) -> str | None:
    usable = {
        each["ServiceName"].removeprefix(f"com.amazonaws.{region}.")
        for each in endpoints
        if each.get("VpcId") == subnet["VpcId"]
        and each.get("State", "available").lower() == "available"
        and (
            each.get("VpcEndpointType") != "Gateway"
            or table.get("RouteTableId") in each.get("RouteTableIds", [])
        )
    }
    missing = [name for name in (*ENDPOINTS, "s3") if name not in usable]
    if not missing:
        return None
    return f"{subnet['SubnetId']} has no way out and no endpoint for {', '.join(missing)}"
