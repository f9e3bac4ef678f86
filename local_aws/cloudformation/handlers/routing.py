"""Routes, and the endpoints that stand in for them."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.ec2 import Ec2Handler, first, given
from local_aws.cloudformation.handlers.handler import Properties, changed

_TARGETS = (
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


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

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"RouteTableId": physical_id}[name]


class Route(Ec2Handler):
    """`AWS::EC2::Route`; its physical id is the table and the destination."""

    applies: ClassVar = frozenset({"RouteTableId", *_DESTINATIONS, *_TARGETS})

    def create(self, name: str, properties: Properties) -> str:
        destination = given(properties, *_DESTINATIONS)
        table = properties["RouteTableId"]
        self.ec2("create_route", RouteTableId=table, **destination, **given(properties, *_TARGETS))
        return "|".join([table, *map(str, destination.values())])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old and changed(old, new, *_TARGETS):
            self.ec2("replace_route", **given(new, "RouteTableId", *_DESTINATIONS, *_TARGETS))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_route", **given(properties, "RouteTableId", *_DESTINATIONS))


class RouteTableAssociation(Ec2Handler):
    """`AWS::EC2::SubnetRouteTableAssociation`."""

    applies: ClassVar = frozenset({"RouteTableId", "SubnetId"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2("associate_route_table", **given(properties, "RouteTableId", "SubnetId"))
        return str(answer["AssociationId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("disassociate_route_table", AssociationId=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Id": physical_id}[name]


class VpcEndpoint(Ec2Handler):
    """`AWS::EC2::VPCEndpoint`."""

    kind = "vpc-endpoint"
    applies: ClassVar = frozenset(
        {
            "PolicyDocument",
            "PrivateDnsEnabled",
            "RouteTableIds",
            "SecurityGroupIds",
            "ServiceName",
            "SubnetIds",
            "Tags",
            "VpcEndpointType",
            "VpcId",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_vpc_endpoint",
            **given(properties, *(self.applies - {"Tags"})),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["VpcEndpoint"]["VpcEndpointId"])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        if not old:
            return
        parameters: dict[str, Any] = {}
        for name, singular in (
            ("RouteTableIds", "RouteTableIds"),
            ("SubnetIds", "SubnetIds"),
            ("SecurityGroupIds", "SecurityGroupIds"),
        ):
            before, after = old.get(name, []), new.get(name, [])
            parameters[f"Add{singular}"] = [item for item in after if item not in before] or None
            parameters[f"Remove{singular}"] = [item for item in before if item not in after] or None
        if changed(old, new, "PolicyDocument"):
            parameters["PolicyDocument"] = new.get("PolicyDocument")
            parameters["ResetPolicy"] = True if "PolicyDocument" not in new else None
        if changed(old, new, "PrivateDnsEnabled"):
            parameters["PrivateDnsEnabled"] = new.get("PrivateDnsEnabled", False)
        if any(value is not None for value in parameters.values()):
            self.ec2("modify_vpc_endpoint", VpcEndpointId=physical_id, **parameters)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_vpc_endpoints", VpcEndpointIds=[physical_id])

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.ec2("describe_vpc_endpoints", VpcEndpointIds=[physical_id])
        endpoint = first(answer, "VpcEndpoints")
        entries = [
            f"{entry.get('HostedZoneId', '')}:{entry.get('DnsName', '')}"
            for entry in endpoint.get("DnsEntries", [])
        ]
        return {
            "Id": physical_id,
            "CreationTimestamp": str(endpoint.get("CreationTimestamp", "")),
            "DnsEntries": entries,
            "NetworkInterfaceIds": endpoint.get("NetworkInterfaceIds", []),
        }[name]


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
            **given(properties, *(self.applies - {"ResourceId", "Tags"})),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["FlowLogIds"][0])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_flow_logs", FlowLogIds=[physical_id])

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Id": physical_id}[name]
