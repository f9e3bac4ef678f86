"""KMS keys and their aliases."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    tag_changes,
    tags_of,
)


class Key(Handler):
    """`AWS::KMS::Key`; its physical id is the key's id."""

    applies: ClassVar = frozenset(
        {
            "Description",
            "EnableKeyRotation",
            "Enabled",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "MultiRegion",
            "PendingWindowInDays",
            "RotationPeriodInDays",
            "Tags",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.call(
            "kms",
            "create_key",
            Policy=properties.get("KeyPolicy"),
            **{
                key: properties[key]
                for key in ("Description", "KeySpec", "KeyUsage", "MultiRegion")
                if key in properties
            },
            Tags=[{"TagKey": key, "TagValue": value} for key, value in tags_of(properties).items()],
        )
        return str(answer["KeyMetadata"]["KeyId"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._switch(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        key = {"KeyId": physical_id}
        if changed(old, new, "KeyPolicy"):
            self.call("kms", "put_key_policy", **key, PolicyName="default", Policy=new["KeyPolicy"])
        if changed(old, new, "Description"):
            description = new.get("Description", "")
            self.call("kms", "update_key_description", **key, Description=description)
        self._switch(physical_id, old, new)
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call("kms", "untag_resource", **key, TagKeys=to_remove)
        if to_set:
            tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in to_set]
            self.call("kms", "tag_resource", **key, Tags=tags)

    def _switch(self, key: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "EnableKeyRotation", "RotationPeriodInDays"):
            if _true(new.get("EnableKeyRotation")):
                period = new.get("RotationPeriodInDays")
                self.call("kms", "enable_key_rotation", KeyId=key, RotationPeriodInDays=period)
            elif old:
                self.call("kms", "disable_key_rotation", KeyId=key)
        if changed(old, new, "Enabled") and "Enabled" in new:
            self.call("kms", "enable_key" if _true(new["Enabled"]) else "disable_key", KeyId=key)

    def delete(self, physical_id: str, properties: Properties) -> None:
        days = properties.get("PendingWindowInDays")
        self.call("kms", "schedule_key_deletion", KeyId=physical_id, PendingWindowInDays=days)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.call("kms", "describe_key", KeyId=physical_id)
        return {"Arn": answer["KeyMetadata"]["Arn"], "KeyId": physical_id}[name]


class Alias(Handler):
    """`AWS::KMS::Alias`; its physical id is its name."""

    applies: ClassVar = frozenset({"AliasName", "TargetKeyId"})

    def create(self, name: str, properties: Properties) -> str:
        alias = {"AliasName": properties["AliasName"], "TargetKeyId": properties["TargetKeyId"]}
        self.call("kms", "create_alias", **alias)
        return str(properties["AliasName"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        target = new["TargetKeyId"]
        self.call("kms", "update_alias", AliasName=physical_id, TargetKeyId=target)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("kms", "delete_alias", AliasName=physical_id)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
