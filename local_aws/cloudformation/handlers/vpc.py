"""The network: VPCs, subnets and the ways out of them."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.ec2 import Ec2Handler, first, select
from local_aws.cloudformation.handlers.handler import Properties, changed


class Vpc(Ec2Handler):
    """`AWS::EC2::VPC`."""

    kind = "vpc"
    applies: ClassVar = frozenset(
        {"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"}
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_vpc",
            **select(properties, "CidrBlock", "InstanceTenancy"),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["Vpc"]["VpcId"])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if changed(old, new, name):
                value = {"Value": new.get(name, name == "EnableDnsSupport")}
                self.ec2("modify_vpc_attribute", VpcId=physical_id, **{name: value})

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_vpc", VpcId=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"CidrBlock": properties["CidrBlock"], "VpcId": physical_id}[name]


class Subnet(Ec2Handler):
    """`AWS::EC2::Subnet`."""

    kind = "subnet"
    applies: ClassVar = frozenset(
        {
            "AvailabilityZone",
            "CidrBlock",
            "MapPublicIpOnLaunch",
            "Tags",
            "VpcId",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_subnet",
            **select(properties, "VpcId", "CidrBlock", "AvailabilityZone"),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["Subnet"]["SubnetId"])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "MapPublicIpOnLaunch"):
            value = {"Value": new.get("MapPublicIpOnLaunch", False)}
            self.ec2("modify_subnet_attribute", SubnetId=physical_id, MapPublicIpOnLaunch=value)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_subnet", SubnetId=physical_id)


class InternetGateway(Ec2Handler):
    """`AWS::EC2::InternetGateway`."""

    kind = "internet-gateway"
    applies: ClassVar = frozenset({"Tags"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_internet_gateway", TagSpecifications=self.tag_specifications(properties)
        )
        return str(answer["InternetGateway"]["InternetGatewayId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_internet_gateway", InternetGatewayId=physical_id)


class VpcGatewayAttachment(Ec2Handler):
    """`AWS::EC2::VPCGatewayAttachment` of an internet gateway."""

    applies: ClassVar = frozenset({"InternetGatewayId", "VpcId"})

    def create(self, name: str, properties: Properties) -> str:
        attachment = select(properties, "InternetGatewayId", "VpcId")
        self.ec2("attach_internet_gateway", **attachment)
        return f"IGW|{properties['VpcId']}"

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.delete(physical_id, old)
        self.ec2("attach_internet_gateway", **select(new, "InternetGatewayId", "VpcId"))

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def delete(self, physical_id: str, properties: Properties) -> None:
        attachment = select(properties, "InternetGatewayId", "VpcId")
        self.ec2("detach_internet_gateway", **attachment)


class ElasticIp(Ec2Handler):
    """`AWS::EC2::EIP`; its physical id is the address."""

    kind = "elastic-ip"
    applies: ClassVar = frozenset({"Domain", "Tags"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "allocate_address",
            Domain=properties.get("Domain", "vpc"),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["PublicIp"])

    def tagged_id(self, physical_id: str) -> str:
        answer = self.ec2("describe_addresses", PublicIps=[physical_id])
        return str(first(answer, "Addresses")["AllocationId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("release_address", AllocationId=self.tagged_id(physical_id))

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"AllocationId": self.tagged_id(physical_id), "PublicIp": physical_id}[name]


class NatGateway(Ec2Handler):
    """`AWS::EC2::NatGateway`."""

    kind = "natgateway"
    applies: ClassVar = frozenset({"AllocationId", "SubnetId", "Tags"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_nat_gateway",
            **select(properties, "AllocationId", "SubnetId"),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["NatGateway"]["NatGatewayId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_nat_gateway", NatGatewayId=physical_id)
