"""Where workers run."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template

from nextflow_batch import Network
from testbed.resources import properties
from testbed.synthesized import changed, of


def _network(**options: object) -> Template:
    stack = Stack(App(), "Stack")
    Network(stack, "Network", availability_zones=["a", "b"], **options)  # type: ignore[arg-type]
    return Template.from_stack(stack)


def test_workers_are_behind_one_nat_gateway() -> None:
    template = _network()

    template.resource_count_is("AWS::EC2::NatGateway", 1)
    assert len(properties(template, "AWS::EC2::Subnet")) == 4


def test_nothing_in_front_of_the_nat_gateway_gets_a_public_address() -> None:
    subnets = properties(_network(), "AWS::EC2::Subnet")

    assert [subnet["MapPublicIpOnLaunch"] for subnet in subnets] == [False] * 4


def test_the_public_way_needs_no_nat_gateway() -> None:
    template = _network(egress="public")

    template.resource_count_is("AWS::EC2::NatGateway", 0)
    subnets = properties(template, "AWS::EC2::Subnet")
    assert [subnet["MapPublicIpOnLaunch"] for subnet in subnets] == [True] * 2


def test_s3_is_reached_without_leaving_the_vpc() -> None:
    _network().has_resource_properties("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway"})


def test_records_who_talked_to_whom() -> None:
    _network().has_resource_properties("AWS::EC2::FlowLog", {"TrafficType": "ALL"})


def test_a_stated_account_asks_nobody_for_its_zones() -> None:
    templates = of(changed("default", account="123456789012"))

    zones = [
        subnet["AvailabilityZone"] for subnet in properties(templates["batch"], "AWS::EC2::Subnet")
    ]
    assert {zone["Fn::Select"][0] for zone in zones} == {0, 1, 2}


def test_an_existing_vpc_needs_no_network_stack() -> None:
    existing = {
        "vpc_id": "vpc-12345678",
        "subnets": [
            {"id": "subnet-11111111", "zone": "us-west-2a"},
            {"id": "subnet-22222222", "zone": "us-west-2b"},
        ],
    }

    templates = of(changed("workshop", network={"existing": existing}))

    assert set(templates) == {"data", "batch"}
    templates["batch"].all_resources_properties(
        "AWS::Batch::ComputeEnvironment",
        Match.object_like(
            {
                "ComputeResources": Match.object_like(
                    {"Subnets": ["subnet-11111111", "subnet-22222222"]}
                )
            }
        ),
    )
    templates["batch"].has_resource_properties("AWS::EC2::SecurityGroup", {"VpcId": "vpc-12345678"})


def test_a_further_zone_moves_no_subnet() -> None:
    ranges = [
        [
            subnet["CidrBlock"]
            for subnet in properties(
                of(changed("default", network__zones=zones))["batch"], "AWS::EC2::Subnet"
            )
        ]
        for zones in (2, 3)
    ]

    assert set(ranges[0]) < set(ranges[1])
