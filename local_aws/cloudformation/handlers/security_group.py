"""Security groups with their rules."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from collections.abc import Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.handlers.ec2 import Ec2Handler
from local_aws.cloudformation.handlers.handler import Properties, changed

_DIRECTIONS = {"ingress": "SecurityGroupIngress", "egress": "SecurityGroupEgress"}
_ANYWHERE = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}


class SecurityGroup(Ec2Handler):
    """`AWS::EC2::SecurityGroup`."""

    kind = "security-group"
    applies: ClassVar = frozenset(
        {
            "GroupDescription",
            "SecurityGroupEgress",
            "SecurityGroupIngress",
            "Tags",
            "VpcId",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.ec2(
            "create_security_group",
            GroupName=name,
            Description=properties["GroupDescription"],
            VpcId=properties.get("VpcId"),
            TagSpecifications=self.tag_specifications(properties),
        )
        return str(answer["GroupId"])

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        for direction, name in _DIRECTIONS.items():
            if not changed(old, new, name):
                continue
            before, after = _rules(direction, old), _rules(direction, new)
            gone = [rule for rule in before if rule not in after]
            come = [rule for rule in after if rule not in before]
            self._each(f"revoke_security_group_{direction}", physical_id, gone)
            self._each(f"authorize_security_group_{direction}", physical_id, come)

    def _each(self, method: str, group: str, rules: list[Mapping[str, Any]]) -> None:
        for rule in rules:
            self.ec2(method, GroupId=group, IpPermissions=[_permission(rule)])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.ec2("delete_security_group", GroupId=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"GroupId": physical_id}[name]


def _rules(direction: str, properties: Properties) -> list[Mapping[str, Any]]:
    """The rules a group has; one without egress rules lets everything out."""
    rules: list[Mapping[str, Any]] = properties.get(_DIRECTIONS[direction]) or []
    return rules or ([_ANYWHERE] if direction == "egress" else [])


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    described = {"Description": rule.get("Description")}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    permission: dict[str, Any] = {
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule.get("FromPort"),
        "ToPort": rule.get("ToPort"),
    }
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    if group:
        permission["UserIdGroupPairs"] = [{"GroupId": group, **described}]
    return permission
