"""The check of answers against the service's model finds what strict SDKs refuse."""

import json
from typing import Any

import boto3
import pytest

from tests.service_model import ModelViolationError, check, check_error, strict

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
