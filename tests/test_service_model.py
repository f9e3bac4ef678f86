"""The check of answers against the service's model finds what strict SDKs refuse."""

import json
from typing import Any

import boto3
import pytest

from tests.support.service_model import ModelViolationError, check, check_error, strict

MODEL = boto3.session.Session().client("batch", region_name="us-west-2").meta.service_model
DESCRIBE = MODEL.operation_model("DescribeJobs")
SUBMIT = MODEL.operation_model("SubmitJob")


def job(**change: Any) -> bytes:
    whole = {
        "jobName": "n",
        "jobId": "i",
        "jobQueue": "q",
        "status": "RUNNING",
        "startedAt": 1,
        "jobDefinition": "d",
    } | change
    return json.dumps({"jobs": [{k: v for k, v in whole.items() if v is not ...}]}).encode()


def test_an_answer_of_the_model_passes() -> None:
    check(DESCRIBE, job(container={"vcpus": 1, "environment": [{"name": "a", "value": "b"}]}))


@pytest.mark.parametrize(("change", "problem"), [
    ({"container": {"vcpus": 1.0}}, "DescribeJobs.jobs[0].container.vcpus: 1.0 is no integer"),
    ({"startedAt": 1.5}, "DescribeJobs.jobs[0].startedAt: 1.5 is no long"),
    ({"startedAt": True}, "DescribeJobs.jobs[0].startedAt: True is no long"),
    ({"startedAt": None}, "DescribeJobs.jobs[0].startedAt: None is no long"),
    ({"isTerminated": 0}, "DescribeJobs.jobs[0].isTerminated: 0 is no boolean"),
    ({"status": "BUSY"}, "DescribeJobs.jobs[0].status: 'BUSY' is none of"),
    ({"jobQueue": ...}, "DescribeJobs.jobs[0]: jobQueue is missing"),
    ({"colour": "red"}, "DescribeJobs.jobs[0]: colour is unknown"),
    ({"tags": []}, "DescribeJobs.jobs[0].tags: [] is no map"),
    ({"tags": {"a": 1}}, "DescribeJobs.jobs[0].tags.a: 1 is no string"),
    ({"attempts": {}}, "DescribeJobs.jobs[0].attempts: {} is no list"),
    ({"container": "c"}, "DescribeJobs.jobs[0].container: 'c' is no structure"),
])  # fmt: skip
def test_an_answer_that_breaks_the_model_is_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelViolationError) as caught:
        check(DESCRIBE, job(**change))
    assert problem in str(caught.value)


def test_an_error_must_be_one_of_the_operations() -> None:
    body = json.dumps({"message": "no"}).encode()
    check_error(SUBMIT, {"x-amzn-ErrorType": "ClientException"}, body)
    with pytest.raises(ModelViolationError, match="error Oops is none of"):
        check_error(SUBMIT, {"x-amzn-ErrorType": "Oops"}, body)
    with pytest.raises(ModelViolationError, match="the error has no message"):
        check_error(SUBMIT, {"x-amzn-ErrorType": "ClientException"}, b"{}")


def test_a_strict_client_refuses_what_boto3_forgives() -> None:
    client = strict(boto3.session.Session().client("batch", region_name="us-west-2"))
    answer = {"status_code": 200, "headers": {}, "body": job(container={"vcpus": 1.0})}

    with pytest.raises(ModelViolationError):
        client.meta.events.emit(
            "before-parse.batch.DescribeJobs",
            operation_model=DESCRIBE,
            response_dict=answer,
            customized_response_dict={},
        )


STACKS = boto3.session.Session().client("cloudformation", region_name="us-west-2").meta
DESCRIBE_STACKS = STACKS.service_model.operation_model("DescribeStacks")
STACK = (
    "<StackName>s</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
    "<CreationTime>2026-01-02T03:04:05.678Z</CreationTime><DisableRollback>false</DisableRollback>"
)


def described(stack: str) -> bytes:
    return (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
        f"<DescribeStacksResult><Stacks><member>{stack}</member></Stacks></DescribeStacksResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeStacksResponse>"
    ).encode()


def test_an_answer_in_xml_of_the_model_passes() -> None:
    check(DESCRIBE_STACKS, described(STACK + "<Tags><member><Key>k</Key><Value/></member></Tags>"))


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("<StackName>s</StackName>", "", "Stacks[0]: StackName is missing"),
    ("CREATE_COMPLETE", "BUSY", "Stacks[0].StackStatus: 'BUSY' is none of"),
    ("false", "no", "Stacks[0].DisableRollback: 'no' is no boolean"),
    ("2026-01-02T03:04:05.678Z", "1700000000", "CreationTime: '1700000000' is no timestamp"),
    ("<StackName>", "<Colour>red</Colour><StackName>", "Stacks[0]: Colour is unknown"),
    ("<StackName>", "<Tags><item/></Tags><StackName>", "Stacks[0].Tags: 'item' is no list"),
    ("DescribeStacksResult>", "Result>", "DescribeStacksResult is missing"),
    ("<RequestId>r</RequestId>", "", "the answer has no request id"),
])  # fmt: skip
def test_an_answer_in_xml_that_breaks_the_model_is_named(old: str, new: str, problem: str) -> None:
    with pytest.raises(ModelViolationError) as caught:
        check(DESCRIBE_STACKS, described(STACK).replace(old.encode(), new.encode()))
    assert problem in str(caught.value)


def test_an_error_in_xml_must_be_one_of_the_operations() -> None:
    body = (
        "<ErrorResponse><Error><Code>ValidationError</Code><Message>no</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    )
    check_error(DESCRIBE_STACKS, {}, body.encode())
    for old, new, problem in [
        ("ValidationError", "Oops", "error Oops is none of"),
        ("<Message>no</Message>", "", "the error has no message"),
        ("ErrorResponse", "Answer", "the error is no ErrorResponse with its id"),
    ]:
        with pytest.raises(ModelViolationError, match=problem):
            check_error(DESCRIBE_STACKS, {}, body.replace(old, new).encode())


EC2 = boto3.session.Session().client("ec2", region_name="us-west-2").meta.service_model
TEMPLATES = (
    "<DescribeLaunchTemplatesResponse><requestId>r</requestId><launchTemplates><item>"
    "<launchTemplateId>lt-1</launchTemplateId><latestVersionNumber>1</latestVersionNumber>"
    "<tagSet><item><key>team</key><value>blue</value></item></tagSet>"
    "</item></launchTemplates></DescribeLaunchTemplatesResponse>"
)


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("<requestId>r</requestId>", "", "the answer has no request id"),
    ("tagSet>", "tags>", "LaunchTemplates[0]: tags is unknown"),
    (">1<", ">one<", "LaunchTemplates[0].LatestVersionNumber: 'one' is no long"),
    ("<tagSet><item>", "<tagSet><member/><item>", "LaunchTemplates[0].Tags: 'member' is no list"),
])  # fmt: skip
def test_an_answer_of_ec2_that_breaks_the_model_is_named(old: str, new: str, problem: str) -> None:
    operation = EC2.operation_model("DescribeLaunchTemplates")
    check(operation, TEMPLATES.encode())
    with pytest.raises(ModelViolationError) as caught:
        check(operation, TEMPLATES.replace(old, new).encode())
    assert problem in str(caught.value)
