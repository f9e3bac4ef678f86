"""What moto's CloudWatch Logs lacks."""

from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse


def install() -> None:
    """Lets a log group that exists change its key, and its events be asked for by their streams.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    LogsResponse.filter_log_events = _filter
    LogsResponse.associate_kms_key = _associate
    LogsResponse.disassociate_kms_key = _disassociate


_moto_filter = LogsResponse.filter_log_events


def _filter(response: LogsResponse) -> str:
    prefix = response._get_param("logStreamNamePrefix")
    if prefix:
        names = [name for name in _group(response).streams if name.startswith(prefix)]
        # moto takes an empty list for all of them.
        response._get_param = _with(response._get_param, {"logStreamNames": names or [prefix]})
    return str(_moto_filter(response))


def _with(get: Callable[..., Any], values: dict[str, Any]) -> Callable[..., Any]:
    return lambda name, *default: values[name] if name in values else get(name, *default)


def _associate(response: LogsResponse) -> str:
    _group(response).kms_key_id = response._get_param("kmsKeyId")
    return ""


def _disassociate(response: LogsResponse) -> str:
    _group(response).kms_key_id = None
    return ""


def _group(response: LogsResponse) -> LogGroup:
    groups = response.logs_backend.groups
    name = response._get_param("logGroupName")
    if name not in groups:
        raise ResourceNotFoundException
    return groups[name]
