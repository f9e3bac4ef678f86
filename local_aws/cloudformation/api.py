"""Calls the local AWS's own API, as CloudFormation's resource handlers call AWS's."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from local_aws.cloudformation.errors import ResourceError

_GONE = ("NotFound", "NoSuch", "NotExist", "DoesNotExist", "NotAttached")


class Api:
    """The API of the local AWS.

    Args:
        client: Makes (and keeps) the boto3 client of a service.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def call(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls one operation, with values brought to the types of the service's model.

        Templates write numbers and booleans as text at will, and policies as objects where the
        API wants their JSON; parameters that are `None` are left out.

        Raises:
            ResourceError: If the service refuses, in the words of a stack event.
        """
        client = self._client(service)
        operation = client.meta.method_to_api_mapping[method]
        shape = client.meta.service_model.operation_model(operation).input_shape
        request = {key: value for key, value in parameters.items() if value is not None}
        try:
            answer: dict[str, Any] = getattr(client, method)(**_as_shape(request, shape))
        except ClientError as error:
            raise ApiError(error, client.meta.service_model.service_id) from error
        except BotoCoreError as error:
            raise ResourceError(f'Resource handler returned message: "{error}"') from error
        return answer

    def members(self, service: str, method: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Renames a resource's properties to the members of an operation's request.

        The template writes `MaxvCpus` where the service's model says `maxvCpus`. The keys of maps
        (tags, log options, parameters) are data and stay; what the request lacks is left out.
        """
        client = self._client(service)
        operation = client.meta.method_to_api_mapping[method]
        shape = client.meta.service_model.operation_model(operation).input_shape
        members: dict[str, Any] = _renamed(properties, shape)
        return members


class ApiError(ResourceError):
    """A call that the service refused.

    Attributes:
        code: The service's error code, such as `NoSuchBucket`.
    """

    def __init__(self, error: ClientError, service: str) -> None:
        self.code = str(error.response["Error"]["Code"])
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        message = error.response["Error"].get("Message", "")
        super().__init__(
            f'Resource handler returned message: "{message} (Service: {service}, '
            f'Status Code: {status})" (HandlerErrorCode: {self.code})'
        )

    @property
    def gone(self) -> bool:
        """Whether the call failed because what it names does not exist."""
        return any(part in self.code for part in _GONE)


def _renamed(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        return {
            name: _renamed(item, shape.members[name])
            for key, item in value.items()
            if (name := names.get(key.lower())) is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_renamed(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _renamed(item, shape.value) for key, item in value.items()}
    return value


def _as_shape(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {
            key: _as_shape(item, shape.members[key]) if key in shape.members else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {str(key): _as_shape(item, shape.value) for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list | tuple):
        return [_as_shape(item, shape.member) for item in value]
    return _as_scalar(value, shape.type_name)


def _as_scalar(value: Any, type_name: str) -> Any:
    if type_name == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if type_name in {"integer", "long"} and isinstance(value, str | float):
        return int(value)
    if type_name in {"float", "double"} and isinstance(value, str):
        return float(value)
    if type_name == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
    return value
