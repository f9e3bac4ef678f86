"""Values that stacks share: by export, which holds the exporting stack, or by output."""

from collections.abc import Callable, Iterable, Mapping

from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.revision import Revision
from local_aws.cloudformation.stack import Stack


class Exports:
    """The exports of one region.

    Args:
        living: Lists the stacks that exist.
    """

    def __init__(self, living: Callable[[], Iterable[Stack]]) -> None:
        self._living = living

    def take(self, stack: Stack, name: str) -> str:
        """Returns an export's value, and remembers that the stack uses it.

        Raises:
            ValidationError: If no other stack exports it.
        """
        for other in self._living():
            if name in other.exports and other is not stack:
                stack.imports.add(name)
                return other.exports[name]
        raise ValidationError(f"No export named {name} found.")

    def users(self, name: str) -> list[str]:
        """Returns the names of the stacks that use an export."""
        return [stack.name for stack in self._living() if name in stack.imports]

    def check(self, stack: Stack, revision: Revision) -> None:
        """Checks what a revision would export.

        Raises:
            ValidationError: If another stack exports the same name.
        """
        names = {
            str(revision.scope.resolve(output["Export"]["Name"]))
            for output in revision.template.section("Outputs").values()
            if "Export" in output
        }
        for other in self._living():
            taken = names & other.exports.keys()
            if other is not stack and taken:
                raise ValidationError(
                    f"Export with name {min(taken)} is already exported by stack {other.name}."
                )

    def check_changes(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Checks what an update has done to a stack's exports.

        Raises:
            ValidationError: If a stack uses one that would go or get another value.
        """
        self.check_unused(before.keys() - after.keys())
        for name in sorted(before.keys() & after.keys()):
            users = self.users(name)
            if users and before[name] != after[name]:
                raise ValidationError(
                    f"Export {name} cannot be updated as it is in use by {', '.join(users)}"
                )

    def check_unused(self, names: Iterable[str]) -> None:
        """Checks that exports can go.

        Raises:
            ValidationError: If a stack uses one of them.
        """
        for name in sorted(names):
            users = self.users(name)
            if users:
                raise ValidationError(
                    f"Export {name} cannot be deleted as it is in use by {', '.join(users)}"
                )
