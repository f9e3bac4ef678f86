"""Checks answers of the local AWS against the service's own model.

boto3 forgives what other SDKs refuse: an AWS SDK for Java stops at `vcpus: 1.0` where the model
says integer. So answers are checked as they come off the wire.
"""

import json
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),
}


class ModelViolationError(AssertionError):
    """An answer that the service's model does not allow."""


def strict(client: Any) -> Any:
    """Let a boto3 client of a JSON service fail on any answer that breaks the service's model.

    Args:
        client: The client; Batch, ECS or CloudWatch Logs, say.

    Returns:
        The same client. Its calls raise `ModelViolationError`.

    """
    client.meta.events.register("before-parse.*.*", _check_answer)
    return client


def _check_answer(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    body = response_dict["body"]
    if response_dict["status_code"] < 300:
        check(operation_model, body)
    else:
        check_error(operation_model, response_dict["headers"], body)


def check(operation: OperationModel, body: bytes) -> None:
    """Check the body of a successful answer.

    Args:
        operation: The operation's model.
        body: The raw body.

    Raises:
        ModelViolationError: A member is unknown, missing though required, of the wrong type, or
            not one of its enumeration.

    """
    answer = json.loads(body) if body else {}
    shape = operation.output_shape
    problems = [] if shape is None else list(_problems(shape, answer, operation.name))
    if problems:
        raise ModelViolationError("\n".join(problems))


def check_error(operation: OperationModel, headers: Any, body: bytes) -> None:
    """Check that an error is one that the operation may answer with.

    Args:
        operation: The operation's model.
        headers: The answer's headers.
        body: The raw body.

    Raises:
        ModelViolationError: It is not, or it has no message.

    """
    code = {key.lower(): value for key, value in headers.items()}.get("x-amzn-errortype")
    allowed = {shape.name for shape in operation.error_shapes}
    if code not in allowed | {"AccessDeniedException"}:
        raise ModelViolationError(f"{operation.name}: error {code} is none of {sorted(allowed)}")
    if not isinstance(json.loads(body).get("message"), str):
        raise ModelViolationError(f"{operation.name}: the error has no message")


def _problems(shape: Shape, value: Any, path: str) -> list[str]:
    if isinstance(shape, StructureShape):
        return _of_structure(shape, value, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [
            p for i, item in enumerate(value) for p in _problems(shape.member, item, f"{path}[{i}]")
        ]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        return [
            p for key, item in value.items() for p in _problems(shape.value, item, f"{path}.{key}")
        ]
    return _of_scalar(shape, value, path)


def _of_structure(shape: StructureShape, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no structure"]
    missing = [f"{path}: {name} is missing" for name in shape.required_members if name not in value]
    unknown = [f"{path}: {name} is unknown" for name in value if name not in shape.members]
    nested = [
        problem
        for name, item in value.items()
        if name in shape.members
        for problem in _problems(shape.members[name], item, f"{path}.{name}")
    ]
    return missing + unknown + nested


def _of_scalar(shape: Shape, value: Any, path: str) -> list[str]:
    types = _TYPES[shape.type_name]
    # In Python a bool is an int; on the wire it is not.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return [f"{path}: {value!r} is no {shape.type_name}"]
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        return [f"{path}: {value!r} is none of {allowed}"]
    return []
