"""Reads which operation an HTTP request asks for, with its parameters, by botocore's models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.datastructures import EnvironHeaders, MultiDict

from local_aws.browsers import bucket_of
from local_aws.iam.keys import UndecidableError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where a service signs with another name than its model has.
_MODELS = {"monitoring": "cloudwatch"}
_WITH_BODY = "DeleteObjects"
"""The one operation of S3 whose body says what is needed."""


@dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    literals: Mapping[str, str]
    parameters: frozenset[str]
    headers: frozenset[str]

    def fits(self, method: str, path: str, query: Mapping[str, str], headers: Any) -> bool:
        return (
            method == self.method
            and self.path.fullmatch(path) is not None
            and all(query.get(name) == value for name, value in self.literals.items())
            and self.parameters <= set(query)
            and all(name in headers for name in self.headers)
        )

    @property
    def weight(self) -> int:
        return len(self.literals) + len(self.parameters) + len(self.headers)


def parse(service: str, environ: "WSGIEnvironment") -> tuple[str, dict[str, Any]]:
    """Read operation and parameters.

    Args:
        service: The service's signing name.
        environ: The request; its body can be read again afterwards.

    Raises:
        UndecidableError: The service has no such operation, or no model.
    """
    model = _model(service)
    protocol = str(model.metadata["protocol"])
    if protocol not in PROTOCOL_PARSERS:
        raise UndecidableError(f"{service} speaks {protocol}, which is not known")
    headers = EnvironHeaders(environ)
    query = MultiDict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    in_path: dict[str, str] = {}
    if protocol.startswith("rest"):
        path = _path(service, environ)
        route = _route(model, environ["REQUEST_METHOD"], path, query, headers)
        found = route.path.fullmatch(path)
        in_path = found.groupdict() if found else {}
        operation = route.operation
        body = _body(environ) if service != "s3" or operation == _WITH_BODY else b""
    else:
        body = _body(environ)
        query.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2] or query.get("Action", "")
    if operation not in model.operation_names:
        raise UndecidableError(f"{service} has no operation {operation!r}")
    request = {"body": body, "headers": headers, "url_params": in_path, "values": query}
    parser = PROTOCOL_PARSERS[protocol](model.operation_model(operation))
    parsed = parser.parse({**request, "method": "", "url_path": ""})
    return operation, {name: value for name, value in parsed.items() if value is not None}


def _body(environ: "WSGIEnvironment") -> bytes:
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _path(service: str, environ: "WSGIEnvironment") -> str:
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    bucket = bucket_of(environ) if service == "s3" else ""
    return f"/{bucket}{path}" if bucket else path


@cache
def _model(service: str) -> ServiceModel:
    try:
        model: ServiceModel = get_service_model(_MODELS.get(service, service))
    except UnknownServiceError as error:
        raise UndecidableError(f"the service {service} is not known") from error
    return model


def _route(
    model: ServiceModel, method: str, path: str, query: Mapping[str, str], headers: Any
) -> _Route:
    fitting = [each for each in _routes(model) if each.fits(method, path, query, headers)]
    if not fitting:
        raise UndecidableError(f"{model.service_name} has no operation at {method} {path}")
    # The more a route asks for, the more it says: `?tagging` is not the object itself.
    return max(fitting, key=lambda each: each.weight)


@cache
def _routes(model: ServiceModel) -> list[_Route]:
    return [_read(model.operation_model(name)) for name in model.operation_names]


def _read(operation: OperationModel) -> _Route:
    template, _, query = operation.http["requestUri"].partition("?")
    shape = operation.input_shape
    required = [shape.members[name] for name in shape.required_members] if shape else []
    return _Route(
        operation.name,
        operation.http["method"],
        _pattern(template),
        dict(parse_qsl(query, keep_blank_values=True)),
        *(
            frozenset(
                member.serialization["name"]
                for member in required
                if member.serialization.get("location") == location
            )
            for location in ("querystring", "header")
        ),
    )


def _pattern(template: str) -> re.Pattern[str]:
    """`/{Bucket}/{Key+}`; what has a plus may contain slashes, and so may a decoded ARN."""
    parts = re.split(r"\{(\w+)(\+?)\}", template.rstrip("/"))
    text = ""
    for literal, name, plus in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        value = ".+" if plus or name.endswith("Arn") else "[^/]+"
        text += re.escape(literal) + (f"(?P<{name}>{value})" if name else "")
    return re.compile(f"{text}/?" if not template.endswith("+}") else text, re.DOTALL)
