"""The errors that AWS Batch answers with."""

import uuid

from moto.core.exceptions import AWSError


class ClientException(AWSError):  # type: ignore[misc]  # noqa: N818 - Batch's name for it
    """The request is wrong: HTTP 400, the one client error that Batch has.

    Attributes:
        TYPE: The error code on the wire.
        STATUS: The HTTP status.
    """

    TYPE = "ClientException"
    STATUS = 400


def request_error(message: str) -> ClientException:
    """Wrap a message as Batch words most of its refusals.

    The form is seen in https://github.com/ASFHyP3/hyp3/issues/3041.

    Args:
        message: What is wrong, without a full stop.

    Returns:
        The error to raise.
    """
    return ClientException(
        f"Error executing request, Exception : {message}, RequestId: {uuid.uuid4()}"
    )
