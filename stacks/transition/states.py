"""In which state a deploy finds a stack if an earlier deploy was interrupted, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The stack has no resources, or the CDK deletes it before it makes it anew.
AS_NEW = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
_ROLLBACK = "npx cdk rollback {stack} -c settings=NAME"
#: What brings a stack that cannot be updated back to one that can. The first two are left by
#: --no-rollback: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
_WAYS = {
    "CREATE_FAILED": _ROLLBACK,
    "UPDATE_FAILED": _ROLLBACK,
    "UPDATE_ROLLBACK_FAILED": (
        "aws cloudformation continue-update-rollback --stack-name {stack}, when no job runs in its"
        " compute environments"
    ),
    "DELETE_FAILED": "npx cdk destroy {stack} -c settings=NAME",
}


def is_changing(status: str) -> bool:
    """Whether an operation on the stack goes on."""
    return status.endswith("_IN_PROGRESS") and status not in AS_NEW


def refusals(statuses: Mapping[str, str]) -> Iterator[str]:
    """Why stacks cannot be updated, and what to do first.

    Args:
        statuses: The statuses of stacks by their names.
    """
    for stack, status in statuses.items():
        if way := _WAYS.get(status):
            yield f"{stack}: is {status} and cannot be updated: first {way.format(stack=stack)}"
