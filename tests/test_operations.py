"""What people are told, and what they are not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from testbed.resources import only, properties, text
from testbed.synthesized import Templates, changed, of

#: As Batch sends it, shortened:
#: https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html
EVENT: dict[str, Any] = {
    "detail-type": "Batch Job State Change",
    "source": "aws.batch",
    "account": "123456789012",
    "region": "us-west-2",
    "detail": {
        "jobArn": "arn:aws:batch:us-west-2:123456789012:job/4c7599ae",
        "jobName": "patients-2026",
        "jobId": "4c7599ae",
        "jobQueue": "arn:aws:batch:us-west-2:123456789012:job-queue/default",
        "status": "FAILED",
        "statusReason": "Host EC2 (instance i-0123) terminated.",
        "container": {
            "command": ["https://lab.example/p", "--name", "JaneDoe"],
            "environment": [{"name": "TOKEN", "value": "hunter2"}],
        },
    },
}


@pytest.fixture(scope="module")
def plain(templates: Any) -> Template:
    found: Templates = templates("default")
    return found["operations"]


@pytest.fixture(scope="module")
def guarded() -> Template:
    return of(changed("default", storage__customer_key=True))["operations"]


def _message(rule: dict[str, Any], event: dict[str, Any]) -> str:
    """What EventBridge makes of an event with the input transformer of a rule's target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    (target,) = rule["Targets"]
    values = {}
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        value: Any = event
        for part in path.removeprefix("$.").split("."):
            value = value[part]
        values[name] = value
    template = target["InputTransformer"]["InputTemplate"]
    return re.sub(r"<([\w-]+)>", lambda match: str(values[match[1]]), template)


def test_a_notification_says_job_state_and_reason(plain: Template) -> None:
    rules = properties(plain, "AWS::Events::Rule")
    assert len(rules) == 2

    for rule in rules:
        message = _message(rule, EVENT)
        assert "Job: patients-2026 (4c7599ae)" in message
        assert "State: FAILED" in message
        assert "Reason: Host EC2 (instance i-0123) terminated." in message
        assert "describe-jobs --region us-west-2 --jobs 4c7599ae" in message


def test_a_notification_has_neither_command_nor_environment(plain: Template) -> None:
    for rule in properties(plain, "AWS::Events::Rule"):
        message = _message(rule, EVENT)
        assert not re.search("JaneDoe|hunter2|TOKEN|lab.example", message)


def test_every_line_of_a_notification_is_a_string(plain: Template) -> None:
    """EventBridge refuses a template of several lines that is not."""
    for rule in properties(plain, "AWS::Events::Rule"):
        for line in _message(rule, EVENT).splitlines():
            assert isinstance(json.loads(line), str)


def test_only_the_accounts_own_rules_may_publish(plain: Template) -> None:
    policy = only(plain, "AWS::SNS::TopicPolicy")["PolicyDocument"]
    allowed = [entry for entry in policy["Statement"] if entry["Effect"] == "Allow"]

    (statement,) = allowed
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert text(statement["Condition"]["StringEquals"]["aws:SourceAccount"]) == "<AWS::AccountId>"
    rules = text(statement["Condition"]["ArnLike"]["aws:SourceArn"])
    assert rules == "arn:aws:events:us-west-2:<AWS::AccountId>:rule/*"


def test_an_event_that_cannot_be_delivered_is_kept(plain: Template) -> None:
    targets = [
        target for rule in properties(plain, "AWS::Events::Rule") for target in rule["Targets"]
    ]

    assert all("Undelivered" in text(target["DeadLetterConfig"]["Arn"]) for target in targets)
    assert only(plain, "AWS::SQS::Queue")["SqsManagedSseEnabled"] is True


def test_a_customer_key_encrypts_what_is_notified(guarded: Template) -> None:
    assert "Key" in text(only(guarded, "AWS::SNS::Topic")["KmsMasterKeyId"])
    assert "Key" in text(only(guarded, "AWS::SQS::Queue")["KmsMasterKeyId"])
