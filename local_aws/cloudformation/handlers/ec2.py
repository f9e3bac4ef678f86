"""What EC2's resource types have in common."""

from collections.abc import Mapping
from typing import Any

from local_aws.cloudformation.handlers.handler import Handler, Properties, tag_changes, tag_list


class Ec2Handler(Handler):
    """A resource of EC2: tagged when it is made and whenever its tags change."""

    kind = ""
    """How `TagSpecifications` names the type; empty for a type that has no tags."""

    def ec2(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls EC2."""
        return self.call("ec2", method, **parameters)

    def tag_specifications(self, properties: Properties) -> list[dict[str, Any]] | None:
        """Returns the tags in the form in which create calls take them."""
        tags = tag_list(properties)
        return [{"ResourceType": self.kind, "Tags": tags}] if tags else None

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Does what creating could not; tags are there already."""
        self.modify(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        """Changes the tags, then the rest."""
        to_set, to_remove = tag_changes(old, new) if self.kind else ([], [])
        resource = self.tagged_id(physical_id)
        if to_remove:
            keys = [{"Key": key} for key in to_remove]
            self.ec2("delete_tags", Resources=[resource], Tags=keys)
        if to_set:
            self.ec2("create_tags", Resources=[resource], Tags=to_set)
        self.modify(physical_id, old, new)

    def tagged_id(self, physical_id: str) -> str:
        """Returns the id under which EC2 keeps the resource's tags."""
        return physical_id

    def modify(self, physical_id: str, old: Properties, new: Properties) -> None:
        """Changes everything but tags."""


def select(properties: Properties, *names: str) -> dict[str, Any]:
    """Returns those of the named properties that are given."""
    return {name: properties[name] for name in names if name in properties}


def first(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns the one item of a describe call's answer."""
    items: list[dict[str, Any]] = answer[name]
    return items[0]
