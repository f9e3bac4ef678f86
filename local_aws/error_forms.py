"""Errors in the form of the service that would send them.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and, for the protocols,
https://smithy.io/2.0/aws/protocols/index.html.
"""

import json
from functools import cache
from uuid import uuid4
from xml.sax.saxutils import escape

import botocore.session
from botocore.exceptions import UnknownServiceError

Answer = tuple[dict[str, str], bytes]
"""Headers and body."""


def unavailable_answer(service: str) -> Answer:
    """Returns the answer of a service that is unavailable, to be sent with status 503."""
    if service == "s3":
        return error_answer(service, "SlowDown", "Please reduce your request rate.")
    return error_answer(service, "ServiceUnavailable", "Service is unable to handle request.")


def denied_answer(service: str, path: str) -> Answer:
    """Returns the answer to a request that no policy allows, to be sent with status 403.

    S3 names neither action nor resource across accounts, the others do:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html

    Args:
        service: The service's signing name.
        path: The request's path.
    """
    if service == "s3":
        return error_answer(service, "AccessDenied", "Access Denied")
    action = f"{service}:{_operation(service, path)}"
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/local/local is not authorized to perform:"
        f" {action} on resource: * because no identity-based policy allows the {action} action"
    )
    return error_answer(service, "AccessDeniedException", message)


def _operation(service: str, path: str) -> str:
    """The operation that a path stands for, where each has one of its own."""
    model = botocore.session.get_session().get_service_model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    return next((each.name for each in operations if each.http["requestUri"] == path), "*")


def error_answer(service: str, code: str, message: str) -> Answer:
    """Returns an error as a service sends it.

    Args:
        service: The service's signing name.
        code: The error's code.
        message: The error's message.
    """
    protocol = _protocol(service)
    request_id = str(uuid4())
    if "json" in protocol or "cbor" in protocol:
        headers = {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": code,
            "x-amzn-RequestId": request_id,
        }
        return headers, json.dumps({"__type": code, "message": message}).encode()
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    body = {
        "rest-xml": f"<Error>{error}<RequestId>{request_id}</RequestId></Error>",
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>",
    }.get(
        protocol,
        f"<ErrorResponse><Error><Type>Receiver</Type>{error}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>",
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return headers, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()


@cache
def _protocol(service: str) -> str:
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return "json"
    protocol: str = model.metadata["protocol"]
    return protocol
