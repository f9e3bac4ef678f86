"""What a stack's resources are and have."""

from typing import Any

from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.handlers import Handlers
from local_aws.cloudformation.stack import Resource, Stack


class Existing:
    """What a stack's resources are and have, for `Ref` and `Fn::GetAtt`."""

    def __init__(self, stack: Stack, handlers: Handlers) -> None:
        self._stack = stack
        self._handlers = handlers

    def ref(self, logical_id: str) -> str:
        """Returns a resource's physical id."""
        return self._resource(logical_id).physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """Returns a resource's attribute.

        Raises:
            ValidationError: If its type has no such attribute.
        """
        resource = self._resource(logical_id)
        handler = self._handlers.of(resource.type)
        try:
            return handler.attribute(resource.physical_id, resource.properties, name)
        except KeyError as error:
            raise ValidationError(
                f"Template error: resource {logical_id} does not support attribute type "
                f"{name} in Fn::GetAtt"
            ) from error

    def _resource(self, logical_id: str) -> Resource:
        if logical_id not in self._stack.resources:
            raise ValidationError(f"Template error: {logical_id} is referred to before it exists")
        return self._stack.resources[logical_id]
