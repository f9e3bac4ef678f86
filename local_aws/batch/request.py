"""Checks requests against the service model, as the service's front end does."""

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from local_aws.batch.errors import request_error

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


@cache
def service_model() -> ServiceModel:
    """Read botocore's description of AWS Batch.

    Returns:
        The model of API version 2016-08-10, the only one.
    """
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")


def checked(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check a request's members and bring its values into the model's form.

    Unknown members are dropped and the case of an enumeration's values is forgiven, as AWS does
    (`RetryAction`: "The values aren't case sensitive",
    https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html).

    Args:
        operation: The operation, such as `SubmitJob`.
        request: The decoded body.

    Returns:
        A new dictionary that shares nothing with `request`.

    Raises:
        ClientException: A required member is missing, or a value has the wrong type.
    """
    shape = service_model().operation_model(operation).input_shape
    return {} if shape is None else _structure(shape, _typed(request, (dict,), ""), "")


def _value(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, _typed(value, (dict,), path), path)
    if isinstance(shape, ListShape):
        items = _typed(value, (list,), path)
        return [_value(shape.member, item, f"{path}[{i}]") for i, item in enumerate(items)]
    if isinstance(shape, MapShape):
        entries = _typed(value, (dict,), path)
        return {key: _value(shape.value, item, f"{path}.{key}") for key, item in entries.items()}
    return _scalar(shape, value, path)


def _structure(shape: StructureShape, value: dict[str, Any], path: str) -> dict[str, Any]:
    for name in shape.required_members:
        if value.get(name) is None:
            raise request_error(f"{f'{path}.{name}'.lstrip('.')} is required.")
    return {
        name: _value(member, value[name], f"{path}.{name}".lstrip("."))
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _scalar(shape: Shape, value: Any, path: str) -> Any:
    _typed(value, _PYTHON_TYPES[shape.type_name], path)
    allowed: list[str] = shape.metadata.get("enum", [])
    if not allowed:
        return value
    for name in allowed:
        if name.lower() == value.lower():
            return name
    raise request_error(f"{path} {value} must be one of {' | '.join(allowed)}")


def _typed(value: Any, types: tuple[type, ...], path: str) -> Any:
    # bool is an int in Python, and `true` is no number in JSON.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        names = " or ".join(kind.__name__ for kind in types)
        raise request_error(f"{path or 'the request'} must be of type {names}")
    return value
