"""KMS keys."""

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

    applies: ClassVar = frozenset({"Description", "EnableKeyRotation", "KeyPolicy", "Tags"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.call(
            "kms",
            "create_key",
            Policy=properties.get("KeyPolicy"),
            Description=properties.get("Description"),
            Tags=_kms_tags(tags_of(properties)),
        )
        return str(answer["KeyMetadata"]["KeyId"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._rotate(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        key = {"KeyId": physical_id}
        if changed(old, new, "KeyPolicy"):
            self.call("kms", "put_key_policy", **key, PolicyName="default", Policy=new["KeyPolicy"])
        if changed(old, new, "Description"):
            description = new.get("Description", "")
            self.call("kms", "update_key_description", **key, Description=description)
        self._rotate(physical_id, old, new)
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call("kms", "untag_resource", **key, TagKeys=to_remove)
        if to_set:
            tags = {tag["Key"]: tag["Value"] for tag in to_set}
            self.call("kms", "tag_resource", **key, Tags=_kms_tags(tags))

    def _rotate(self, key: str, old: Properties, new: Properties) -> None:
        if not changed(old, new, "EnableKeyRotation"):
            return
        enabled = str(new.get("EnableKeyRotation")).lower() == "true"
        self.call("kms", "enable_key_rotation" if enabled else "disable_key_rotation", KeyId=key)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("kms", "schedule_key_deletion", KeyId=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        answer = self.call("kms", "describe_key", KeyId=physical_id)
        return {"Arn": answer["KeyMetadata"]["Arn"], "KeyId": physical_id}[name]


def _kms_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
