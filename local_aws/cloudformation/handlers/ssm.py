"""SSM parameters."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import Handler, Properties, tag_changes, tags_of


class SsmParameter(Handler):
    """`AWS::SSM::Parameter`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {"AllowedPattern", "DataType", "Description", "Name", "Tags", "Tier", "Type", "Value"}
    )

    def create(self, name: str, properties: Properties) -> str:
        parameter = str(properties.get("Name", name))
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        self._put(parameter, properties, Overwrite=False, Tags=tags or None)
        return parameter

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._put(physical_id, new, Overwrite=True)
        to_set, to_remove = tag_changes(old, new)
        resource = {"ResourceType": "Parameter", "ResourceId": physical_id}
        if to_remove:
            self.call("ssm", "remove_tags_from_resource", **resource, TagKeys=to_remove)
        if to_set:
            self.call("ssm", "add_tags_to_resource", **resource, Tags=to_set)

    def _put(self, name: str, properties: Properties, **how: Any) -> None:
        kept = {
            key: value
            for key, value in properties.items()
            if key in self.applies - {"Name", "Tags"}
        }
        self.call("ssm", "put_parameter", Name=name, **kept, **how)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("ssm", "delete_parameter", Name=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Type": properties.get("Type"), "Value": properties.get("Value")}[name]
