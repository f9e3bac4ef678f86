"""EventBridge rules."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    shortened,
    tag_list,
)

_MAX_NAME = 64


class Rule(Handler):
    """`AWS::Events::Rule`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {
            "Description",
            "EventPattern",
            "Name",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        rule = str(properties.get("Name") or shortened(name, _MAX_NAME))
        self._put(rule, properties, Tags=tag_list(properties) or None)
        return rule

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._put_targets(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._put(physical_id, new)
        self._put_targets(physical_id, old, new)
        arn = self.attribute(physical_id, new, "Arn")
        self.retag("events", "tag_resource", "untag_resource", old, new, ResourceARN=arn)

    def _put(self, name: str, properties: Properties, **more: Any) -> None:
        described = {
            key: properties[key]
            for key in self.applies - {"Name", "Tags", "Targets"}
            if key in properties
        }
        self.call("events", "put_rule", Name=name, **described, **more)

    def _put_targets(self, name: str, old: Properties, new: Properties) -> None:
        targets = new.get("Targets", [])
        kept = {target["Id"] for target in targets}
        gone = [item["Id"] for item in old.get("Targets", []) if item["Id"] not in kept]
        if gone:
            self.call("events", "remove_targets", Rule=name, Ids=gone)
        if targets:
            self.call("events", "put_targets", Rule=name, Targets=targets)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._put_targets(physical_id, properties, {**properties, "Targets": []})
        self.call("events", "delete_rule", Name=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Arn": self.call("events", "describe_rule", Name=physical_id)["Arn"]}[name]
