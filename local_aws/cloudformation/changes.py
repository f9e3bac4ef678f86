"""What a change set shows: which resources a revision would add, modify, replace and remove."""

from typing import Any

from local_aws.cloudformation.intrinsics import references
from local_aws.cloudformation.revision import Revision
from local_aws.cloudformation.schema import schema_of
from local_aws.cloudformation.stack import Resource, Stack
from local_aws.cloudformation.template import Declaration


def changes_of(stack: Stack, revision: Revision) -> list[dict[str, Any]]:
    """Returns the changes as DescribeChangeSet shows them."""
    replaced: set[str] = set()
    changes = []
    for declaration in revision.declarations:
        existing = stack.resources.get(declaration.logical_id)
        change = (
            _change("Add", declaration)
            if existing is None
            else _modification(existing, declaration, replaced)
        )
        if change:
            changes.append(change)
    declared = {item.logical_id for item in revision.declarations}
    changes += [
        _change("Remove", item.declaration, item)
        for key, item in stack.resources.items()
        if key not in declared
    ]
    return [{"Type": "Resource", "ResourceChange": change} for change in changes]


def _change(
    action: str, declaration: Declaration, existing: Resource | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "Action": action,
        "LogicalResourceId": declaration.logical_id,
        "PhysicalResourceId": existing.physical_id if existing else None,
        "ResourceType": declaration.type,
        "Scope": [],
        "Details": [],
        **more,
    }


def _modification(
    existing: Resource, declaration: Declaration, replaced: set[str]
) -> dict[str, Any] | None:
    before, after = existing.declaration.properties, declaration.properties
    direct = {name for name in before | after if before.get(name) != after.get(name)}
    moved = {name for name, value in after.items() if references(value) & replaced}
    if not direct | moved:
        return None
    schema = schema_of(declaration.type)
    always = {path.split(".")[0] for path in schema.replacing(before, after)}
    perhaps = moved & {
        path.removeprefix("/properties/").split("/")[0]
        for path in schema.document.get("createOnlyProperties") or []
    }
    if always | perhaps:
        replaced.add(declaration.logical_id)
    return _change(
        "Modify",
        declaration,
        existing,
        Replacement="True" if always else "Conditional" if perhaps else "False",
        Scope=["Properties"],
        Details=[
            {
                "Target": {
                    "Attribute": "Properties",
                    "Name": name,
                    "RequiresRecreation": "Always"
                    if name in always
                    else "Conditionally"
                    if name in perhaps
                    else "Never",
                },
                "Evaluation": "Static" if name in direct else "Dynamic",
                "ChangeSource": "DirectModification" if name in direct else "ResourceReference",
            }
            for name in sorted(direct | moved)
        ],
    )
