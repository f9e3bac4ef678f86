"""Secrets of a container, read from Secrets Manager."""

from collections.abc import Iterable
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from local_aws.batch.place import Place
from local_aws.batch.runner import ContainerError


def resolve(secrets: Iterable[dict[str, str]], place: Place) -> dict[str, str]:
    """Read the values that a container gets as environment variables.

    https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data.html

    Args:
        secrets: `secrets` of the container properties.
        place: The account and region.

    Returns:
        Variable names and values.

    Raises:
        ContainerError: One cannot be read.
    """
    return {secret["name"]: _value(secret["valueFrom"], place) for secret in secrets}


def _value(arn: str, place: Place) -> str:
    backend: Any = secretsmanager_backends[place.account_id][place.region]
    try:
        secret = backend.get_secret_value(secret_id=arn, version_stage=None, version_id=None)
    except Exception as error:  # moto raises a class per cause; the job sees one reason
        raise ContainerError(
            "ResourceInitializationError: unable to pull secrets or registry auth: "
            f"unable to retrieve secret {arn}: {getattr(error, 'message', None) or error}"
        ) from error
    return str(secret["SecretString"])
