"""Answers of AWS in the form of its service models, for what the local AWS does not have.

A test states only what matters to it. Each answer is compared with the service's model, so none has
a member that AWS does not have.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, ClassVar

import boto3
from botocore.awsrequest import AWSResponse

from nfbatch.aws import Aws
from tests.support.service_model import problems

REGION = "us-west-2"
Answers = dict[str, Any]


class Denied:
    """The answer to credentials that lack a permission.

    Args:
        action: Such as `ec2:DescribeSubnets`; not named in the message when not given.
    """

    def __init__(self, action: str | None = None) -> None:
        reason = f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: {action}"
        self.error = {
            "Code": "AccessDeniedException",
            "Message": reason if action else "access denied",
        }


class Refused:
    """Another error.

    Args:
        code: Its code.
        message: Its message.
    """

    def __init__(self, code: str, message: str = "no") -> None:
        self.error = {"Code": code, "Message": message}


class RecordedAws(Aws):
    """Clients that answer what a test has recorded, and nothing to everything else.

    Args:
        answers: By operation, such as `DescribeJobs`: the answer, an error, or a function of the
            request's parameters that gives one.

    Attributes:
        calls: How often each operation was called.
    """

    # Making a client takes a second; whoever asked for one last answers.
    _made: ClassVar[dict[str, Any]] = {}
    _current: ClassVar[RecordedAws]

    def __init__(self, answers: Answers) -> None:
        super().__init__(None, REGION)
        self.answers = answers
        self.calls: Counter[str] = Counter()

    def client(self, service: str) -> Any:
        """A client that sends nothing."""
        RecordedAws._current = self
        if service not in self._made:
            session: Any = boto3.session.Session()
            made = session.client(
                service,
                region_name=REGION,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
            made.meta.events.register("provide-client-params.*.*", _remember)
            made.meta.events.register("before-call.*.*", _answer)
            self._made[service] = made
        return self._made[service]

    def answer(self, model: Any, context: dict[str, Any]) -> tuple[Any, Any]:
        """The HTTP response and its content, as botocore wants them."""
        self.calls[model.name] += 1
        answer = self.answers.get(model.name, {})
        if callable(answer):
            answer = answer(context["recorded"])
        if isinstance(answer, Denied | Refused):
            response = {"Error": answer.error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            return _response(400), response
        found = problems(model, _on_the_wire(answer)) if model.name in self.answers else []
        assert not found, found
        empty: dict[str, Any] = {
            name: []
            for name, shape in getattr(model.output_shape, "members", {}).items()
            if shape.type_name == "list"
        }
        return _response(200), {**empty, **answer, "ResponseMetadata": {}}


def _response(status: int) -> Any:
    headers: Any = {}
    return AWSResponse("", status, headers, None)


def _remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["recorded"] = params


def _answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[Any, Any]:
    return RecordedAws._current.answer(model, context)


def _on_the_wire(value: Any) -> Any:
    """An answer with the types that JSON has."""
    if isinstance(value, dict):
        return {name: _on_the_wire(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_on_the_wire(each) for each in value]
    return value.timestamp() if isinstance(value, datetime) else value
