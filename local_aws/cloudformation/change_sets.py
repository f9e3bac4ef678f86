"""Change sets: what an update would do, kept until it is done or dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local_aws.cloudformation.changes import changes_of
from local_aws.cloudformation.errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    ValidationError,
)
from local_aws.cloudformation.revision import Revision
from local_aws.cloudformation.stack import Stack
from local_aws.cloudformation.stacks import Request, Stacks, work

_NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


@dataclass
class ChangeSet:
    """A change set and what came of it."""

    arn: str
    name: str
    stack: Stack
    revision: Revision
    options: Mapping[str, Any]
    description: str | None
    changes: list[dict[str, Any]]
    status: str = "CREATE_COMPLETE"
    execution_status: str = "AVAILABLE"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class ChangeSets:
    """The change sets of one region.

    Args:
        stacks: The region's stacks.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._by_arn: dict[str, ChangeSet] = {}

    def create(
        self, stack_name: str, name: str, kind: str, request: Request, description: str | None
    ) -> ChangeSet:
        """Creates a change set, and the stack to be if it is to create one.

        Args:
            stack_name: The stack's name, or its id.
            name: The change set's name.
            kind: `CREATE` or `UPDATE`.
            request: What the stack is to become.
            description: A text to go with it.

        Raises:
            AlreadyExistsError: If a stack or change set has the name.
            ValidationError: If the template or its parameters are refused.
        """
        with self._stacks.lock:
            stack = self._stacks.to_be_changed(stack_name, create=kind == "CREATE")
            if any(item.name == name for item in self.of(stack)):
                raise AlreadyExistsError(f"ChangeSet {name} already exists")
            revision = self._stacks.revise(stack, request)
            self._stacks.announce(stack)
            change_set = ChangeSet(
                arn=self._stacks.arn(f"changeSet/{name}/{uuid4()}"),
                name=name,
                stack=stack,
                revision=revision,
                options=request.options,
                description=description,
                changes=changes_of(stack, revision),
            )
            if self._stacks.is_at(stack, revision):
                change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
                change_set.reason = _NO_CHANGES
            self._by_arn[change_set.arn] = change_set
            return change_set

    def find(self, name_or_arn: str, stack_name: str | None) -> ChangeSet:
        """Returns a change set by its ARN, or by its name and its stack's name or id.

        A stack that is deleted has no name any more: another one may have it.

        Raises:
            ChangeSetNotFoundError: If there is none.
        """
        if name_or_arn in self._by_arn:
            return self._by_arn[name_or_arn]
        for item in self._by_arn.values():
            is_named = stack_name == item.stack.name and item.stack.status != "DELETE_COMPLETE"
            if item.name == name_or_arn and (is_named or stack_name == item.stack.stack_id):
                return item
        raise ChangeSetNotFoundError(f"ChangeSet [{name_or_arn}] does not exist")

    def of(self, stack: Stack) -> list[ChangeSet]:
        """Returns a stack's change sets."""
        return [item for item in self._by_arn.values() if item.stack is stack]

    def delete(self, name_or_arn: str, stack_name: str | None) -> None:
        """Deletes a change set; one that does not exist is no error."""
        try:
            item = self.find(name_or_arn, stack_name)
        except ChangeSetNotFoundError:
            return
        del self._by_arn[item.arn]

    def execute(self, item: ChangeSet, *, rollback: bool, token: str | None) -> None:
        """Executes a change set; the stack's other ones are then of no use, and go.

        Raises:
            ValidationError: If it cannot be executed.
        """
        with self._stacks.lock:
            if item.execution_status != "AVAILABLE":
                raise ValidationError(
                    f"ChangeSet [{item.arn}] cannot be executed in its current status of "
                    f"[{item.status}]"
                )
            for other in self.of(item.stack):
                if other is not item:
                    del self._by_arn[other.arn]
            options = {**item.options, "request_token": token}
            rest = self._stacks.bring(item.stack, item.revision, options, rollback=rollback)
            item.execution_status = "EXECUTE_COMPLETE"
        work(rest)
