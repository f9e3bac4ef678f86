"""Looks into synthesized templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_cdk.assertions import Template


def properties(template: Template, kind: str) -> list[dict[str, Any]]:
    """The properties of all resources of a type."""
    found = template.find_resources(kind).values()
    return [dict(resource.get("Properties", {})) for resource in found]


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the one resource of a type."""
    (found,) = properties(template, kind)
    return found


def statement(template: Template, sid: str) -> dict[str, Any]:
    """The one statement with this Sid in the template's managed policies."""
    found: dict[str, Any]
    (found,) = [
        entry
        for policy in properties(template, "AWS::IAM::ManagedPolicy")
        for entry in policy["PolicyDocument"]["Statement"]
        if entry.get("Sid") == sid
    ]
    return found


def text(value: object) -> str:
    """A value with its references as `<Name>` or `<Name.Attribute>`, joined to one text."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
        case {"Fn::Base64": inner} | {"Fn::Sub": inner}:
            return text(inner)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return f"<{name}>"
    return str(value)
