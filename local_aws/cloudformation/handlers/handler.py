"""What the engine asks of each resource type."""

import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.api import Api
from local_aws.cloudformation.errors import ResourceError
from local_aws.cloudformation.schema import schema_of
from local_aws.pace import PACE

Properties = Mapping[str, Any]
"""A resource's properties, every function resolved."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0


class Handler:
    """Creates, changes and deletes the resources of one type.

    The engine calls `create`, then `complete`; on a changed property that needs no replacement
    `update`; at the end `delete`. Each raises `ResourceError` when the service refuses.
    """

    applies: ClassVar[frozenset[str] | None] = None
    """The properties that the handler brings into effect; `None` where it passes all on."""

    def __init__(self, api: Api) -> None:
        self.call = api.call
        self.members = api.members

    def create(self, name: str, properties: Properties) -> str:
        """Makes the bare resource.

        Args:
            name: A name to use where the properties give none.
            properties: The resource's properties.

        Returns:
            The physical id, which `Ref` gives.
        """
        raise NotImplementedError

    def complete(self, physical_id: str, properties: Properties) -> None:
        """Brings a bare resource to its properties; here as an update from nothing."""
        self.update(physical_id, {}, properties)

    def replaces_conditionally(self, properties: Properties) -> bool:
        """Returns whether a change of a conditionally create-only property makes a new resource."""
        return False

    def update(self, physical_id: str, old: Properties, new: Properties) -> str | None:
        """Changes the resource in place.

        Returns:
            The physical id if it is another one now.
        """

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Deletes the resource."""

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        """Returns what `Fn::GetAtt` gives.

        Raises:
            KeyError: If the type has no such attribute.
        """
        raise KeyError(name)

    def retag(
        self,
        service: str,
        tag: str,
        untag: str,
        old: Properties,
        new: Properties,
        **resource: str,
    ) -> None:
        """Changes the tags that differ.

        Args:
            service: The service.
            tag: Its call that sets tags.
            untag: Its call that removes tags.
            old: The properties before.
            new: The properties after.
            resource: The members that name the resource.
        """
        to_set, to_remove = tag_changes(old, new)
        if to_remove:
            self.call(service, untag, **resource, TagKeys=to_remove)
        if to_set:
            self.call(service, tag, **resource, Tags=to_set)


def stabilize(resource_type: str, physical_id: str, is_stable: Callable[[], bool]) -> None:
    """Waits for what an update has begun, for as long as CloudFormation does.

    Raises:
        ResourceError: If it takes longer.
    """
    deadline = time.monotonic() + PACE.seconds(schema_of(resource_type).update_minutes)
    pause = _FIRST_PAUSE
    while not is_stable():
        if time.monotonic() > deadline:
            raise ResourceError(
                f"Resource handler returned message: \"Resource of type '{resource_type}' with "
                f"identifier '{physical_id}' did not stabilize.\" (HandlerErrorCode: NotStabilized)"
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def changed(old: Properties, new: Properties, *names: str) -> bool:
    """Returns whether any of these properties differs."""
    return any(old.get(name) != new.get(name) for name in names)


def tag_list(properties: Properties) -> list[dict[str, str]]:
    """Returns a resource's tags as most create calls take them."""
    return [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]


def tag_changes(old: Properties, new: Properties) -> tuple[list[dict[str, str]], list[str]]:
    """Returns the tags to set and the keys of those to remove."""
    before, after = tags_of(old), tags_of(new)
    to_set = [
        {"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value
    ]
    return to_set, [key for key in before if key not in after]


def tags_of(properties: Properties, name: str = "Tags") -> dict[str, str]:
    """Returns a resource's tags, whichever way the type writes them."""
    tags = properties.get(name) or []
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}


def shortened(name: str, length: int) -> str:
    """Returns a generated name cut to a length, with its random end kept."""
    stem, _, end = name.rpartition("-")
    return name if len(name) <= length else f"{stem[: length - len(end) - 1]}-{end}"


def random_end() -> str:
    """Returns the 12 characters that end a generated name."""
    characters = string.ascii_letters + string.digits
    return "".join(secrets.choice(characters) for _ in range(12))
