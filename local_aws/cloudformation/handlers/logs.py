"""Groups of CloudWatch Logs."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    tag_changes,
    tags_of,
)


class LogGroup(Handler):
    """`AWS::Logs::LogGroup`; its physical id is its name."""

    applies: ClassVar = frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"})

    def create(self, name: str, properties: Properties) -> str:
        group = str(properties.get("LogGroupName", name))
        self.call(
            "logs",
            "create_log_group",
            logGroupName=group,
            kmsKeyId=properties.get("KmsKeyId"),
            tags=tags_of(properties) or None,
        )
        return group

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._retain(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        group = {"logGroupName": physical_id}
        self._retain(physical_id, old, new)
        if changed(old, new, "KmsKeyId"):
            if "KmsKeyId" in new:
                self.call("logs", "associate_kms_key", **group, kmsKeyId=new["KmsKeyId"])
            else:
                self.call("logs", "disassociate_kms_key", **group)
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call("logs", "untag_log_group", **group, tags=to_remove)
        if to_set:
            tags = {tag["Key"]: tag["Value"] for tag in to_set}
            self.call("logs", "tag_log_group", **group, tags=tags)

    def _retain(self, name: str, old: Properties, new: Properties) -> None:
        if not changed(old, new, "RetentionInDays"):
            return
        if "RetentionInDays" in new:
            days = new["RetentionInDays"]
            self.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
        else:
            self.call("logs", "delete_retention_policy", logGroupName=name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("logs", "delete_log_group", logGroupName=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        groups = self.call("logs", "describe_log_groups", logGroupNamePrefix=physical_id)
        group = next(item for item in groups["logGroups"] if item["logGroupName"] == physical_id)
        arn = group["arn"]
        return {"Arn": arn if arn.endswith(":*") else f"{arn}:*"}[name]
