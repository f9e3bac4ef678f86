"""Parameter Store."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import Handler, Properties, tag_list


class SsmParameter(Handler):
    """`AWS::SSM::Parameter`; its physical id is its name."""

    applies: ClassVar = frozenset({"Description", "Name", "Tags", "Type", "Value"})

    def create(self, name: str, properties: Properties) -> str:
        parameter = str(properties.get("Name", name))
        self._put(parameter, properties, Overwrite=False, Tags=tag_list(properties) or None)
        return parameter

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Nothing is left to do."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._put(physical_id, new, Overwrite=True)
        self.retag(
            "ssm",
            "add_tags_to_resource",
            "remove_tags_from_resource",
            old,
            new,
            ResourceType="Parameter",
            ResourceId=physical_id,
        )

    def _put(self, name: str, properties: Properties, **more: Any) -> None:
        kept = {key: properties.get(key) for key in ("Description", "Type", "Value")}
        self.call("ssm", "put_parameter", Name=name, **kept, **more)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.call("ssm", "delete_parameter", Name=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Type": properties.get("Type"), "Value": properties.get("Value")}[name]
