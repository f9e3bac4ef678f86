"""Brings stacks to revisions: creates, updates in place, replaces, rolls back, deletes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local_aws.cloudformation.errors import ResourceError, ValidationError, reason_of
from local_aws.cloudformation.existing import Existing
from local_aws.cloudformation.exports import Exports
from local_aws.cloudformation.handlers import Handlers
from local_aws.cloudformation.handlers.handler import random_end, tags_of
from local_aws.cloudformation.removal import Remover
from local_aws.cloudformation.revision import Revision
from local_aws.cloudformation.schema import schema_of
from local_aws.cloudformation.stack import Resource, Stack, exports_of
from local_aws.cloudformation.template import Declaration

_REPLACING = (
    "Requested update requires the creation of a new physical resource; hence creating one."
)


Rest = Callable[[], None]
"""What is left to do of a change that has begun; it may take as long as its resources do."""


class Engine:
    """Creates, updates and deletes stacks. Each of these begins, and returns the rest.

    Args:
        handlers: Make the resources.
        exports: What the stacks share.
    """

    def __init__(self, handlers: Handlers, exports: Exports) -> None:
        self._handlers = handlers
        self._exports = exports

    def create(self, stack: Stack, revision: Revision, on_failure: str) -> Rest:
        """Creates a stack's resources.

        Args:
            stack: A stack without resources.
            revision: What to bring it to.
            on_failure: `ROLLBACK`, `DELETE` or `DO_NOTHING`, as CreateStack takes it.
        """
        stack.enter("CREATE_IN_PROGRESS", "User Initiated")
        return lambda: self._create(stack, revision, on_failure)

    def _create(self, stack: Stack, revision: Revision, on_failure: str) -> None:
        change = _Change(stack, revision, self._handlers, self._exports)
        stack.revision = revision
        try:
            change.apply()
        except _FailedError as failure:
            self._abandon(stack, change, str(failure), on_failure)
            return
        stack.enter("CREATE_COMPLETE")

    @staticmethod
    def _abandon(stack: Stack, change: "_Change", reason: str, on_failure: str) -> None:
        if on_failure == "DO_NOTHING":
            stack.enter("CREATE_FAILED", reason)
            return
        verb = "DELETE" if on_failure == "DELETE" else "ROLLBACK"
        stack.enter(f"{verb}_IN_PROGRESS", f"{reason} {verb.capitalize()} requested by user.")
        clean = change.roll_back()
        stack.enter(f"{verb}_COMPLETE" if clean else f"{verb}_FAILED")

    def update(self, stack: Stack, revision: Revision, *, rollback: bool) -> Rest:
        """Brings an existing stack to a revision; what it no longer needs goes last."""
        stack.enter("UPDATE_IN_PROGRESS", "User Initiated")
        stack.updated = datetime.now(UTC)
        return lambda: self._update(stack, revision, rollback=rollback)

    def _update(self, stack: Stack, revision: Revision, *, rollback: bool) -> None:
        before = stack.revision
        change = _Change(stack, revision, self._handlers, self._exports)
        stack.revision = revision
        try:
            change.apply()
        except _FailedError as failure:
            if not rollback:
                stack.enter("UPDATE_FAILED", str(failure))
                return
            stack.enter("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            stack.revision = before
            clean = change.roll_back()
            stack.enter("UPDATE_ROLLBACK_COMPLETE" if clean else "UPDATE_ROLLBACK_FAILED")
            return
        stack.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        change.clean_up()
        stack.enter("UPDATE_COMPLETE")

    def delete(self, stack: Stack, retain: Iterable[str] = ()) -> Rest:
        """Deletes a stack's resources, those that others need last.

        Args:
            stack: The stack; it keeps the resources that could not be deleted.
            retain: Logical ids of resources to leave alone.
        """
        stack.enter("DELETE_IN_PROGRESS", "User Initiated")
        return lambda: self._delete(stack, set(retain))

    def _delete(self, stack: Stack, kept: set[str]) -> None:
        remover = Remover(stack, self._handlers)
        failed = remover.remove(
            [item for item in stack.resources.values() if item.logical_id not in kept]
        )
        if failed:
            names = ", ".join(sorted(failed))
            stack.enter("DELETE_FAILED", f"The following resource(s) failed to delete: [{names}]. ")
            return
        stack.resources.clear()
        stack.outputs = []
        stack.deleted = datetime.now(UTC)
        stack.enter("DELETE_COMPLETE")


class _FailedError(Exception):
    """A resource failed; the message is the stack's reason."""


class _Change:
    """One create or update of a stack, and how to undo it."""

    def __init__(
        self, stack: Stack, revision: Revision, handlers: Handlers, exports: Exports
    ) -> None:
        self._stack = stack
        self._exports = exports
        self._revision = revision
        self._handlers = handlers
        self._remover = Remover(stack, handlers)
        self._undo: list[Callable[[], bool]] = []
        self._superseded: list[Resource] = []
        self._outputs_before = stack.outputs
        self._imports_before = set(stack.imports)
        stack.imports.clear()
        revision.scope.resources = Existing(stack, handlers)

    def apply(self) -> None:
        """Creates and updates what the revision declares, each after what it needs.

        Raises:
            _FailedError: If a resource or an output failed.
        """
        for declaration in self._revision.declarations:
            self._bring(declaration)
        try:
            outputs = self._revision.outputs()
            self._exports.check_changes(self._stack.exports, exports_of(outputs))
            self._stack.outputs = outputs
        except (ValidationError, ResourceError) as error:
            raise _FailedError(reason_of(error)) from error

    def clean_up(self) -> None:
        """Deletes what was replaced and what the revision no longer declares."""
        declared = {item.logical_id for item in self._revision.declarations}
        for resource in reversed(self._superseded):
            self._remover.remove_one(resource, resource.declaration.replace_policy)
        self._remover.remove(
            [item for key, item in self._stack.resources.items() if key not in declared]
        )

    def roll_back(self) -> bool:
        """Undoes what was done, the last first; returns whether all of it worked."""
        self._stack.outputs = self._outputs_before
        self._stack.imports |= self._imports_before
        worked = [undo() for undo in reversed(self._undo)]
        return all(worked)

    def _bring(self, declaration: Declaration) -> None:
        existing = self._stack.resources.get(declaration.logical_id)
        with self._failing(existing or Resource(declaration, "", {}), existing is None):
            properties = self._properties(declaration)
            if existing is None:
                self._create(declaration, properties)
            elif existing.properties == properties and existing.whole:
                existing.declaration = declaration
            elif self._needs_replacement(existing, properties):
                self._replace(existing, declaration, properties)
            else:
                self._update(existing, declaration, properties)

    @contextmanager
    def _failing(self, resource: Resource, creating: bool) -> Iterator[None]:
        """Turns whatever goes wrong into the failure of this resource."""
        try:
            yield
        except Exception as error:
            verb = "create" if creating else "update"
            failed = self._stack.resources.get(resource.logical_id, resource)
            failed.whole = failed.whole and not creating
            self._stack.note(failed, f"{verb.upper()}_FAILED", reason_of(error))
            raise _FailedError(
                f"The following resource(s) failed to {verb}: [{resource.logical_id}]. "
            ) from error

    def _properties(self, declaration: Declaration) -> dict[str, Any]:
        properties: dict[str, Any] = self._revision.scope.resolve(declaration.properties)
        schema = schema_of(declaration.type)
        name = schema.tag_property
        if name is None or not self._revision.tags:
            return properties
        tags = {**self._revision.tags, **tags_of(properties, name)}
        if schema.tags_are_a_map:
            return {**properties, name: tags}
        return {**properties, name: [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _needs_replacement(self, existing: Resource, properties: dict[str, Any]) -> bool:
        if not existing.whole:
            return True
        schema = schema_of(existing.type)
        handler = self._handlers.of(existing.type)
        replacing = schema.replacing(existing.properties, properties)
        if handler.replaces_conditionally(properties):
            replacing += schema.perhaps_replacing(existing.properties, properties)
        if replacing and any(
            name in properties and properties[name] == existing.properties.get(name)
            for name in schema.name_properties
        ):
            raise ResourceError(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {existing.physical_id} and update the stack again."
            )
        return bool(replacing)

    def _create(self, declaration: Declaration, properties: dict[str, Any]) -> Resource:
        handler = self._handlers.of(declaration.type)
        resource = Resource(declaration, "", properties)
        self._stack.note(resource, "CREATE_IN_PROGRESS")
        self._handlers.note_unapplied(declaration.type, properties)
        name = f"{self._stack.name}-{declaration.logical_id}-{random_end()}"
        resource.physical_id = handler.create(name, properties)
        self._stack.note(resource, "CREATE_IN_PROGRESS", "Resource creation Initiated")
        self._stack.resources[declaration.logical_id] = resource
        self._undo.append(lambda: self._remover.remove_one(resource, _on_rollback(declaration)))
        handler.complete(resource.physical_id, properties)
        self._stack.note(resource, "CREATE_COMPLETE")
        return resource

    def _replace(
        self, existing: Resource, declaration: Declaration, properties: dict[str, Any]
    ) -> None:
        self._stack.note(existing, "UPDATE_IN_PROGRESS", _REPLACING)
        self._undo.append(lambda: self._put_back(existing))
        if schema_of(existing.type).deletes_before_it_replaces or not existing.whole:
            self._remover.remove_one(existing, existing.declaration.replace_policy)
            self._undo[-1] = lambda: self._make_again(existing)
        else:
            self._superseded.append(existing)
        replacement = self._create(declaration, properties)
        self._stack.note(replacement, "UPDATE_COMPLETE")

    def _put_back(self, existing: Resource) -> bool:
        self._stack.resources[existing.logical_id] = existing
        self._stack.note(existing, "UPDATE_COMPLETE")
        return True

    def _make_again(self, existing: Resource) -> bool:
        try:
            self._create(existing.declaration, existing.properties)
        except Exception as error:
            self._stack.note(existing, "CREATE_FAILED", reason_of(error))
            return False
        return True

    def _update(
        self, existing: Resource, declaration: Declaration, properties: dict[str, Any]
    ) -> None:
        before = (existing.declaration, existing.properties)
        self._undo.append(lambda: self._change(existing, *before))
        self._stack.note(existing, "UPDATE_IN_PROGRESS")
        self._handlers.note_unapplied(declaration.type, properties)
        existing.declaration, existing.properties = declaration, properties
        self._alter(existing, before[1], properties)
        self._stack.note(existing, "UPDATE_COMPLETE")

    def _alter(self, existing: Resource, old: dict[str, Any], new: dict[str, Any]) -> None:
        handler = self._handlers.of(existing.type)
        existing.physical_id = (
            handler.update(existing.physical_id, old, new) or existing.physical_id
        )

    def _change(
        self, existing: Resource, declaration: Declaration, properties: dict[str, Any]
    ) -> bool:
        """Undoes an update."""
        now = existing.properties
        existing.declaration, existing.properties = declaration, properties
        self._stack.note(existing, "UPDATE_IN_PROGRESS")
        try:
            self._alter(existing, now, properties)
        except Exception as error:
            self._stack.note(existing, "UPDATE_FAILED", reason_of(error))
            return False
        self._stack.note(existing, "UPDATE_COMPLETE")
        return True


def _on_rollback(declaration: Declaration) -> str:
    policy = declaration.deletion_policy
    return "Delete" if policy == "RetainExceptOnCreate" else policy
