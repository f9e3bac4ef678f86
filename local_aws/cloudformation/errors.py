"""What CloudFormation refuses, in its own words."""

from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):  # type: ignore[misc]
    """A request or template that CloudFormation refuses before it touches anything."""

    code = "ValidationError"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class AlreadyExistsError(ServiceException):  # type: ignore[misc]
    """A stack of this name exists."""

    code = "AlreadyExistsException"


class ChangeSetNotFoundError(ServiceException):  # type: ignore[misc]
    """No change set of this name."""

    code = "ChangeSetNotFound"


class ResourceError(Exception):
    """A resource could not be created, changed or deleted.

    The message is what the stack event says as `ResourceStatusReason`.
    """


def reason_of(error: BaseException) -> str:
    """Returns what a stack event says of an error."""
    if isinstance(error, ResourceError | ValidationError):
        return str(getattr(error, "message", None) or error)
    return f"The local AWS failed: {type(error).__name__}: {error}"
