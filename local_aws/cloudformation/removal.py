"""Takes resources away: when a stack goes, when it no longer needs them, or to undo a change."""

from local_aws.cloudformation.api import ApiError
from local_aws.cloudformation.errors import reason_of
from local_aws.cloudformation.handlers import Handlers
from local_aws.cloudformation.stack import Resource, Stack
from local_aws.cloudformation.template import in_order


class Remover:
    """Deletes resources of a stack."""

    def __init__(self, stack: Stack, handlers: Handlers) -> None:
        self._stack = stack
        self._handlers = handlers

    def remove(self, resources: list[Resource]) -> set[str]:
        """Deletes each resource after those that need it; returns the ids of those that stay."""
        by_id = {item.logical_id: item for item in resources}
        failed: set[str] = set()
        for logical_id in reversed(in_order({key: r.declaration for key, r in by_id.items()})):
            resource = by_id[logical_id]
            needed_by = {key for key in failed if logical_id in by_id[key].declaration.needs}
            if needed_by or not self.remove_one(resource, resource.declaration.deletion_policy):
                failed.add(logical_id)
        return failed

    def remove_one(self, resource: Resource, policy: str) -> bool:
        """Deletes one resource, unless its policy keeps it; returns whether that worked."""
        if policy in {"Retain", "RetainExceptOnCreate"}:
            self._stack.note(resource, "DELETE_SKIPPED")
            self._forget(resource)
            return True
        self._stack.note(resource, "DELETE_IN_PROGRESS")
        try:
            self._handlers.of(resource.type).delete(resource.physical_id, resource.properties)
        except ApiError as error:
            if not error.gone:
                self._stack.note(resource, "DELETE_FAILED", str(error))
                return False
        except Exception as error:
            self._stack.note(resource, "DELETE_FAILED", reason_of(error))
            return False
        self._stack.note(resource, "DELETE_COMPLETE")
        self._forget(resource)
        return True

    def _forget(self, resource: Resource) -> None:
        if self._stack.resources.get(resource.logical_id) is resource:
            del self._stack.resources[resource.logical_id]
