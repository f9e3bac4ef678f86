"""Checks answers of the local AWS against the service's own model.

boto3 forgives what other SDKs refuse: an AWS SDK for Java stops at `vcpus: 1.0` where the model
says integer. So answers are checked as they come off the wire.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

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


# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
# and what the local AWS says of an action that it lacks.
_COMMON_ERRORS = {"ValidationError", "InternalFailure", "ServiceUnavailable", "NotImplemented"}
# A stack's own events tell its status, and these two are missing from the model's enumeration of
# the events' statuses; its `StackStatus` has them.
_STATUSES_OF_STACKS = {
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
}


class ModelViolationError(AssertionError):
    """An answer that the service's model does not allow."""


def strict(client: Any) -> Any:
    """Let a boto3 client fail on any answer that breaks the service's model.

    Args:
        client: The client of a service that answers in JSON, as Batch, by the query protocol, as
            CloudFormation, or by EC2's.

    Returns:
        The same client. Its calls raise `ModelViolationError`.
    """
    client.meta.events.register("before-parse.*.*", _check_answer, unique_id="strict")
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
    answer = json.loads(body or b"{}") if _is_json(operation) else _read_xml(operation, body)
    if found := problems(operation, answer):
        raise ModelViolationError("\n".join(found))


def problems(operation: OperationModel, answer: Any) -> list[str]:
    """What the model does not allow in an answer.

    Args:
        operation: The operation's model.
        answer: The answer in the types of JSON.
    """
    shape = operation.output_shape
    return [] if shape is None else _problems(shape, answer, operation.name)


def check_error(operation: OperationModel, headers: Any, body: bytes) -> None:
    """Check that an error is one that the operation may answer with.

    Args:
        operation: The operation's model.
        headers: The answer's headers.
        body: The raw body.

    Raises:
        ModelViolationError: It is not, or it has no message.
    """
    if not _is_json(operation):
        _check_query_error(operation, body)
        return
    code = {key.lower(): value for key, value in headers.items()}.get("x-amzn-errortype")
    allowed = {shape.name for shape in operation.error_shapes}
    if code not in allowed | {"AccessDeniedException"}:
        raise ModelViolationError(f"{operation.name}: error {code} is none of {sorted(allowed)}")
    if not isinstance(json.loads(body).get("message"), str):
        raise ModelViolationError(f"{operation.name}: the error has no message")


def _is_json(operation: OperationModel) -> bool:
    return "json" in str(operation.service_model.metadata["protocol"])


def _is_ec2(operation: OperationModel) -> bool:
    return str(operation.service_model.metadata["protocol"]) == "ec2"


def _check_query_error(operation: OperationModel, body: bytes) -> None:
    root = _Element(ET.fromstring(body))  # noqa: S314 - of the local AWS
    if root.name != "ErrorResponse" or not root.text("RequestId"):
        raise ModelViolationError(f"{operation.name}: the error is no ErrorResponse with its id")
    error = root.child("Error")
    code = error.text("Code") if error else None
    allowed = {_error_code(shape) for shape in operation.error_shapes} | _COMMON_ERRORS
    if code not in allowed:
        raise ModelViolationError(f"{operation.name}: error {code} is none of {sorted(allowed)}")
    if not error or not error.text("Message"):
        raise ModelViolationError(f"{operation.name}: the error has no message")


def _error_code(shape: Shape) -> str:
    return str(shape.metadata.get("error", {}).get("code", shape.name))


class _Element:
    """An XML element without its namespace."""

    def __init__(self, element: ET.Element) -> None:
        self.name = element.tag.rpartition("}")[2]
        self.content = element.text or ""
        self.children = [_Element(child) for child in element]

    def child(self, name: str) -> "_Element | None":
        return next((child for child in self.children if child.name == name), None)

    def text(self, name: str) -> str | None:
        found = self.child(name)
        return found.content if found else None


def _read_xml(operation: OperationModel, body: bytes) -> Any:
    """Return what an answer's XML says, in the types of JSON; what does not fit stays text.

    The forms are those of https://smithy.io/2.0/aws/protocols/aws-query-protocol.html and
    https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html.
    """
    root = _Element(ET.fromstring(body))  # noqa: S314 - of the local AWS
    shape = operation.output_shape
    problems = []
    if root.name != f"{operation.name}Response":
        problems.append(f"{operation.name}: the answer is a {root.name}")
    if not (root.child("ResponseMetadata") or root).text(
        "requestId" if _is_ec2(operation) else "RequestId"
    ):
        problems.append(f"{operation.name}: the answer has no request id")
    wrapper = "" if shape is None else shape.serialization.get("resultWrapper", "")
    result = root.child(wrapper) if wrapper else None
    if wrapper and result is None:
        problems.append(f"{operation.name}: {wrapper} is missing")
    if problems:
        raise ModelViolationError("\n".join(problems))
    if _is_ec2(operation):
        root.children = [child for child in root.children if child.name != "requestId"]
        result = root
    return _value(shape, result) if shape and result else {}


def _value(shape: Shape, element: _Element) -> Any:
    if isinstance(shape, StructureShape):
        return dict(_member(shape, child) for child in element.children)
    if isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        wrong = [child.name for child in element.children if child.name != item]
        return wrong[0] if wrong else [_value(shape.member, child) for child in element.children]
    return _SCALARS.get(shape.type_name, str)(element.content)


def _member(shape: StructureShape, element: _Element) -> tuple[str, Any]:
    """Return a member under its name in the model; one that is unknown under its own."""
    for name, member in shape.members.items():
        if member.serialization.get("name", name) == element.name:
            return name, _value(member, element)
    return element.name, element.content


def _number(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdecimal() else text


def _instant(text: str) -> float | str:
    return datetime.fromisoformat(text).timestamp() if _TIMESTAMP.fullmatch(text) else text


_SCALARS: dict[str, Callable[[str], Any]] = {
    "integer": _number,
    "long": _number,
    "boolean": lambda text: {"true": True, "false": False}.get(text, text),
    "timestamp": _instant,
}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


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
    if shape.name == "ResourceStatus" and value in _STATUSES_OF_STACKS:
        return []
    if allowed and value not in allowed:
        return [f"{path}: {value!r} is none of {allowed}"]
    return []
