"""Secrets of a container, read from Secrets Manager or Parameter Store."""

import json
from collections.abc import Iterable
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from local_aws.batch.runner import ContainerError

_SECRET_ARN_FIELDS = 7


def resolve(secrets: Iterable[dict[str, str]], *, account_id: str, region: str) -> dict[str, str]:
    """Read the values that a container gets as environment variables.

    https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data.html

    Args:
        secrets: `secrets` of the container properties.
        account_id: The account.
        region: The region.

    Returns:
        Variable names and values.

    Raises:
        ContainerError: One cannot be read.

    """
    return {secret["name"]: _value(secret["valueFrom"], account_id, region) for secret in secrets}


def _value(source: str, account_id: str, region: str) -> str:
    try:
        if ":secretsmanager:" in source:
            return _secret(source, account_id, region)
        return _parameter(source, account_id, region)
    except Exception as error:  # moto raises a class per cause; the job sees one reason
        raise ContainerError(
            "ResourceInitializationError: unable to pull secrets or registry auth: "
            f"unable to retrieve secret {source}: {getattr(error, 'message', None) or error}"
        ) from error


def _parameter(name: str, account_id: str, region: str) -> str:
    parameter: Any = ssm_backends[account_id][region].get_parameter(name)
    if parameter is None:
        raise KeyError("ParameterNotFound")
    return str(parameter.decrypt(parameter.value))


def _secret(source: str, account_id: str, region: str) -> str:
    """Read `arn:…:secret:NAME[:JSON-KEY:VERSION-STAGE:VERSION-ID]`."""
    fields = source.split(":")
    arn, extra = ":".join(fields[:_SECRET_ARN_FIELDS]), [*fields[_SECRET_ARN_FIELDS:], "", "", ""]
    backend: Any = secretsmanager_backends[account_id][region]
    found = backend.get_secret_value(
        secret_id=arn, version_stage=extra[1] or None, version_id=extra[2] or None
    )
    text = str(found["SecretString"])
    return str(json.loads(text)[extra[0]]) if extra[0] else text
