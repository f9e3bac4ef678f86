"""From a CloudFormation template's properties to the API's members."""

from collections.abc import Iterable
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local_aws.batch.errors import ClientException
from local_aws.batch.request import service_model

Json = Any
_BOOLEANS = {"true": True, "false": False}


def members(shape_name: str, properties: dict[str, Json]) -> dict[str, Json]:
    """Rename and convert a resource's properties.

    CloudFormation writes `MaxvCpus` where the API says `maxvCpus`, and gives numbers as strings
    wherever a parameter or `Fn::Join` made them. The keys of maps (tags, log options,
    parameters) are data and stay.

    Args:
        shape_name: The API's structure, such as `CreateComputeEnvironmentRequest`.
        properties: The resource's properties, references resolved.

    Returns:
        The members that the structure has; other properties are left out.

    """
    shape = service_model().shape_for(shape_name)
    assert isinstance(shape, StructureShape)  # noqa: S101 - narrows the type for mypy
    return _structure(shape, properties)


def _structure(shape: StructureShape, properties: dict[str, Json]) -> dict[str, Json]:
    names = {name.lower(): name for name in shape.members}
    return {
        names[key.lower()]: _value(shape.members[names[key.lower()]], value)
        for key, value in properties.items()
        if key.lower() in names and value is not None
    }


def _value(shape: Shape, value: Json) -> Json:
    if isinstance(shape, StructureShape):
        return _structure(shape, value)
    if isinstance(shape, ListShape):
        return [_value(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _value(shape.value, item) for key, item in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(kind: str, value: Json) -> Json:
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return _BOOLEANS[str(value).lower()]
    return str(value).lower() if isinstance(value, bool) else str(value)


def changed(before: dict[str, Json], after: dict[str, Json], paths: Iterable[str]) -> list[str]:
    """List which of some properties differ.

    Args:
        before: The resource's properties in the deployed template.
        after: Its properties in the new one.
        paths: Property paths such as `ComputeResources/Subnets`.

    Returns:
        The paths that differ.

    """
    return [path for path in paths if _at(before, path) != _at(after, path)]


def _at(properties: Json, path: str) -> Json:
    for name in path.split("/"):
        if not isinstance(properties, dict):
            return None
        properties = properties.get(name)
    return properties


def replacement_refused(name: str) -> ClientException:
    """Refuse to replace a resource that has a name of its own.

    Args:
        name: The resource's name.

    Returns:
        The error to raise, worded as CloudFormation does.

    """
    return ClientException(
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {name} and update the stack again."
    )


def generated_name(resource_name: str, most: int = 128) -> str:
    """Cut a generated physical name to length, keeping its random end."""
    if len(resource_name) <= most:
        return resource_name
    head, _, suffix = resource_name.rpartition("-")
    return f"{head[: most - len(suffix) - 1].rstrip('-')}-{suffix}"
