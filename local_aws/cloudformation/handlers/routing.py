"""Routes, and the endpoints that stand in for them."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import ClassVar

from local_aws.cloudformation.handlers.ec2 import Ec2Handler, select
from local_aws.cloudformation.handlers.handler import Properties, changed

_TARGETS = ("GatewayId", "NatGatewayId")


class RouteTable(Ec2Handler):
    """`AWS::EC2::RouteTable`."""

    kind = "route-table"
    applies: ClassVar = frozenset({"Tags", "VpcId"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_route_table",
            VpcId=properties["VpcId"],
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["RouteTable"]["RouteTableId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_route_table", RouteTableId=physical_id)


class Route(Ec2Handler):
    """`AWS::EC2::Route`; its physical id is the table and the destination."""

    applies: ClassVar = frozenset({"DestinationCidrBlock", "RouteTableId", *_TARGETS})

    def create(self, name: str, properties: Properties) -> str:
        self.ec2("create_route", **select(properties, *self.applies))
        return f"{properties['RouteTableId']}|{properties['DestinationCidrBlock']}"

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old and changed(old, new, *_TARGETS):
            self.ec2("replace_route", **select(new, *self.applies))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_route", **select(properties, "RouteTableId", "DestinationCidrBlock"))


class RouteTableAssociation(Ec2Handler):
    """`AWS::EC2::SubnetRouteTableAssociation`."""

    applies: ClassVar = frozenset({"RouteTableId", "SubnetId"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2("associate_route_table", **select(properties, "RouteTableId", "SubnetId"))
        return str(answer["AssociationId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("disassociate_route_table", AssociationId=physical_id)


class VpcEndpoint(Ec2Handler):
    """`AWS::EC2::VPCEndpoint` of a gateway."""

    kind = "vpc-endpoint"
    applies: ClassVar = frozenset(
        {"RouteTableIds", "ServiceName", "Tags", "VpcEndpointType", "VpcId"}
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_vpc_endpoint",
            **select(properties, *(self.applies - {"Tags"})),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["VpcEndpoint"]["VpcEndpointId"])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("RouteTableIds", []), new.get("RouteTableIds", [])
        if old and before != after:
            self.ec2(
                "modify_vpc_endpoint",
                VpcEndpointId=physical_id,
                AddRouteTableIds=[item for item in after if item not in before] or None,
                RemoveRouteTableIds=[item for item in before if item not in after] or None,
            )

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_vpc_endpoints", VpcEndpointIds=[physical_id])


class FlowLog(Ec2Handler):
    """`AWS::EC2::FlowLog`."""

    kind = "vpc-flow-log"
    applies: ClassVar = frozenset(
        {
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "Tags",
            "TrafficType",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_flow_logs",
            ResourceIds=[properties["ResourceId"]],
            **select(properties, *(self.applies - {"ResourceId", "Tags"})),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["FlowLogIds"][0])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_flow_logs", FlowLogIds=[physical_id])
