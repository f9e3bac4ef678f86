"""EventBridge rules."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    shortened,
    tag_changes,
    tags_of,
)

_MAX_NAME = 64


class Rule(Handler):
    """`AWS::Events::Rule`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {
            "Description",
            "EventBusName",
            "EventPattern",
            "Name",
            "RoleArn",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        rule = str(properties.get("Name") or shortened(name, _MAX_NAME))
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        self._put(rule, properties, Tags=tags or None)
        return rule

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._put_targets(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._put(physical_id, new)
        self._put_targets(physical_id, old, new)
        to_set, to_remove = tag_changes(old, new)
        arn = self.attribute(physical_id, new, "Arn")
        if to_remove:
            self.call("events", "untag_resource", ResourceARN=arn, TagKeys=to_remove)
        if to_set:
            self.call("events", "tag_resource", ResourceARN=arn, Tags=to_set)

    def _put(self, name: str, properties: Properties, **more: Any) -> None:
        described = {
            key: properties[key]
            for key in self.applies - {"Name", "Tags", "Targets"}
            if key in properties
        }
        self.call("events", "put_rule", Name=name, **described, **more)

    def _put_targets(self, name: str, old: Properties, new: Properties) -> None:
        on = {"Rule": name, "EventBusName": new.get("EventBusName")}
        targets = new.get("Targets", [])
        kept = {target["Id"] for target in targets}
        gone = [item["Id"] for item in old.get("Targets", []) if item["Id"] not in kept]
        if gone:
            self.call("events", "remove_targets", **on, Ids=gone)
        if targets:
            self.call("events", "put_targets", **on, Targets=targets)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._put_targets(physical_id, properties, {**properties, "Targets": []})
        bus = properties.get("EventBusName")
        self.call("events", "delete_rule", Name=physical_id, EventBusName=bus)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        bus = properties.get("EventBusName")
        rule = self.call("events", "describe_rule", Name=physical_id, EventBusName=bus)
        return {"Arn": rule["Arn"]}[name]
