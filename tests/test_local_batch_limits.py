"""The limits of Batch that users meet, in AWS's words where they are known.

https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws.batch import limits
from tests.support.batch import ACCOUNT, KEYS, REGION, Testbed, process_testbed
from tests.support.service_model import strict


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as made, pytest.MonkeyPatch.context() as patch:
        # The server, not boto3, is to refuse.
        unchecked = strict(
            made.session.client(
                "batch",
                region_name=REGION,
                endpoint_url=made.endpoint,
                config=Config(parameter_validation=False),
                **KEYS,
            )
        )
        patch.setattr(made, "batch", unchecked)
        yield made


def refused(action: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        action(**request)
    error = caught.value.response
    assert error["Error"]["Code"] == "ClientException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(error["Error"]["Message"])


@pytest.fixture(scope="module")
def submission(testbed: Testbed) -> dict[str, Any]:
    return {
        "jobName": "job",
        "jobQueue": testbed.queue(),
        "jobDefinition": testbed.definition(),
    }


def environment(*names: str, value: str = "1") -> dict[str, Any]:
    return {"environment": [{"name": name, "value": value} for name in names]}


def test_a_submission_of_more_than_30_kib_is_refused_with_its_size(
    testbed: Testbed, submission: dict[str, Any]
) -> None:
    """The literal message: https://github.com/ASFHyP3/hyp3/issues/3041."""
    overrides = environment("BIG", value="x" * 47 * 1024)
    message = refused(testbed.batch.submit_job, **submission, containerOverrides=overrides)

    assert message.startswith(
        "Error executing request, Exception : Job size must be less than 30 KiB, got 48 KiB, "
        "RequestId: "
    )


def test_overrides_of_more_than_8192_characters_fail_the_job(
    testbed: Testbed, submission: dict[str, Any]
) -> None:
    """The literal reason: https://github.com/Netflix/metaflow/issues/977."""
    job = testbed.run(**submission, containerOverrides={"command": ["echo", "x" * 8200]})

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"
    assert job["attempts"] == []


def test_overrides_of_just_under_8192_characters_run(
    testbed: Testbed, submission: dict[str, Any]
) -> None:
    """ECS counts the JSON's formatting characters too.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
    """
    job = testbed.run(**submission, containerOverrides={"command": ["true", "x" * 8100]})

    assert job["status"] == "SUCCEEDED"


def requiring(*stated: tuple[str, str]) -> dict[str, Any]:
    return {"resourceRequirements": [{"type": kind, "value": value} for kind, value in stated]}


BAD_REQUIREMENTS: list[tuple[dict[str, Any], str]] = [
    *(
        (requiring(("VCPU", value)), f"VCPU requirement {value} must be a number greater than 0")
        for value in ("two", "nan", "inf", "-5", "0", "0.0", "", "1e3", "9" * 400)
    ),
    *(
        (requiring(("MEMORY", value)), f"MEMORY requirement {value} must be a whole number of at")
        for value in ("much", "nan", "-64", "3", "64.5", "")
    ),
    (requiring(("GPU", "0")), "GPU requirement 0 must be a whole number of at least 1"),
    (requiring(("GPU", "half")), "GPU requirement half must be a whole number of at least 1"),
    (requiring(("TPU", "1")), "TPU must be one of GPU | VCPU | MEMORY"),
    ({"vcpus": 0}, "VCPU requirement 0 must be a number greater than 0"),
    ({"memory": -1}, "MEMORY requirement -1 must be a whole number of at least 4"),
    ({"environment": [{"value": "x"}]}, "Environment variable name is required"),
]

BAD_SUBMISSIONS: list[tuple[dict[str, Any], str]] = [
    ({"jobName": "-x"}, "Job name -x should match valid pattern"),
    ({"jobName": "x" * 129}, "should match valid pattern"),
    ({"jobName": "a b"}, "should match valid pattern"),
    ({"jobName": None}, "jobName is required."),
    ({"jobQueue": "nowhere"}, "JobQueue nowhere not found"),
    ({"jobDefinition": "nothing"}, "JobDefinition nothing not found"),
    ({"jobDefinition": "nothing:3"}, "JobDefinition nothing:3 not found"),
    *(({"containerOverrides": change}, expected) for change, expected in BAD_REQUIREMENTS),
    ({"containerOverrides": environment("AWS_BATCH_X")}, "must not start with AWS_BATCH"),
    ({"containerOverrides": {"command": [""]}}, "can't contain an empty string"),
    ({"jobName": 5}, "jobName must be of type str"),
    ({"arrayProperties": {"size": 1}}, "Array size must be between 2 and 10000"),
    ({"arrayProperties": {"size": 10001}}, "Array size must be between 2 and 10000"),
    ({"arrayProperties": {"size": 2.5}}, "arrayProperties.size must be of type int"),
    ({"arrayProperties": {"size": True}}, "arrayProperties.size must be of type int"),
    ({"dependsOn": [{"jobId": "x"}]}, "on the local AWS no job waits for another"),
    ({"retryStrategy": {"attempts": 0}}, "attempts must be between 1 and 10"),
    ({"retryStrategy": {"attempts": 11}}, "attempts must be between 1 and 10"),
    ({"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}]}}, "must be specified if"),
    (
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}] * 6}},
        "at most 5 conditions",
    ),
    (
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "MAYBE"}]}},
        "must be one of RETRY | EXIT",
    ),
    (
        {
            "retryStrategy": {
                "attempts": 2,
                "evaluateOnExit": [{"onReason": "a*b", "action": "EXIT"}],
            }
        },
        "optionally ending with *",
    ),
    (
        {
            "retryStrategy": {
                "attempts": 2,
                "evaluateOnExit": [{"onExitCode": "1?", "action": "EXIT"}],
            }
        },
        "must contain only numbers",
    ),
    ({"timeout": {"attemptDurationSeconds": 59}}, "must be at least 60"),
    ({"shareIdentifier": "a"}, "shareIdentifier can't be specified"),
    ({"tags": {f"k{i}": "v" for i in range(51)}}, "at most 50 entries"),
    ({"tags": {"aws:mine": "v"}}, "tag aws:mine is not valid"),
    ({"nodeOverrides": {"numNodes": 2}}, "runs single-container jobs only"),
]


@pytest.mark.parametrize(("change", "expected"), BAD_SUBMISSIONS)
def test_a_submission_that_aws_refuses_is_refused(
    testbed: Testbed, submission: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html."""
    request = {k: v for k, v in (submission | change).items() if v is not None}

    assert expected in refused(testbed.batch.submit_job, **request)


def definition(**change: Any) -> dict[str, Any]:
    properties = {
        "image": "image",
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "64"},
        ],
    } | change.pop("container", {})
    request = {"jobDefinitionName": "d", "type": "container", "containerProperties": properties}
    return request | change


BAD_DEFINITIONS: list[tuple[dict[str, Any], str]] = [
    (definition(jobDefinitionName="a.b"), "should match valid pattern"),
    (definition(type="vm"), "type vm must be one of container | multinode"),
    (definition(container={"image": ""}), "Container image is required"),
    *((definition(container=change), expected) for change, expected in BAD_REQUIREMENTS),
    (definition(container={"resourceRequirements": []}), "vcpus greater than 0"),
    (
        definition(container={"resourceRequirements": [{"type": "VCPU", "value": "1"}]}),
        "memory must be at least 4 MiB",
    ),
    (definition(container=environment("AWS_BATCH_JOB_ID")), "must not start with AWS_BATCH"),
    (definition(container=environment("A", value="x" * 24 * 1024)), "less than 24 KiB, got 25 KiB"),
    (
        definition(container={"secrets": [{"name": "X", "valueFrom": "/x"}]}),
        "When you are specifying container secrets, you must also specify a value for "
        "'executionRoleArn'",
    ),
    (definition(retryStrategy={"attempts": 11}), "between 1 and 10"),
    (definition(timeout={"attemptDurationSeconds": 1}), "must be at least 60"),
    (
        {"jobDefinitionName": "d", "type": "container"},
        "containerProperties must be specified",
    ),
    (
        {"jobDefinitionName": "d", "type": "multinode", "nodeProperties": {}},
        "nodeProperties.numNodes is required.",
    ),
]


@pytest.mark.parametrize(("request_", "expected"), BAD_DEFINITIONS)
def test_a_job_definition_that_aws_refuses_is_refused(
    testbed: Testbed, request_: dict[str, Any], expected: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html."""
    assert expected in refused(testbed.batch.register_job_definition, **request_)


def environments(testbed: Testbed, **change: Any) -> dict[str, Any]:
    resources = {k: v for k, v in (testbed.resources | change).items() if v is not None}
    return {"computeEnvironmentName": "bad", "type": "MANAGED", "computeResources": resources}


BAD_RESOURCES: list[tuple[dict[str, Any], str]] = [
    ({"maxvCpus": 0}, "minvCpus 0 and maxvCpus 0 are not"),
    ({"minvCpus": 9, "maxvCpus": 8}, "minvCpus 9 and maxvCpus 8 are not"),
    ({"maxvCpus": None}, "computeResources.maxvCpus is required."),
    ({"type": "LAPTOP"}, "must be one of EC2 | SPOT"),
    ({"type": "FARGATE"}, "type FARGATE: the local AWS has EC2 and SPOT only"),
    ({"subnets": []}, "computeResources.subnets is required."),
    ({"subnets": ["subnet-0"]}, "subnet subnet-0 does not exist"),
    ({"securityGroupIds": ["sg-0"]}, "security group sg-0 does not exist"),
    ({"instanceRole": None}, "Instance role is required."),
    ({"instanceRole": "nobody"}, "Could not find instance profile nobody"),
    ({"instanceTypes": ["z99.large"]}, "Instance type z99.large does not exist"),
    ({"instanceTypes": ["c6i", "c6g.large"]}, "must share one architecture"),
    ({"instanceTypes": ["optimal", "default_arm64"]}, "must share one architecture"),
    ({"type": "SPOT", "bidPercentage": 101}, "bidPercentage 101 must be between 0 and 100"),
    ({"type": "SPOT", "bidPercentage": -1}, "bidPercentage -1 must be between 0 and 100"),
    ({"type": "SPOT", "allocationStrategy": "BEST_FIT"}, "spotIamFleetRole is required"),
    ({"type": "SPOT", "allocationStrategy": None}, "spotIamFleetRole is required"),
]


@pytest.mark.parametrize(("change", "expected"), BAD_RESOURCES)
def test_a_compute_environment_that_cannot_be_is_refused(
    testbed: Testbed, change: dict[str, Any], expected: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateComputeEnvironment.html."""
    request = environments(testbed, **change)

    assert expected in refused(testbed.batch.create_compute_environment, **request)


def test_a_spot_environment_with_best_fit_is_made_with_its_fleet_role(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html."""
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"

    assert testbed.environment(type="SPOT", allocationStrategy="BEST_FIT", spotIamFleetRole=role)


@pytest.mark.parametrize(("change", "expected"), [
    ({"maxvCpus": 0}, "minvCpus 0 and maxvCpus 0 are not"),
    ({"minvCpus": 300}, "minvCpus 300 and maxvCpus 256 are not"),
    ({"subnets": ["subnet-0"]}, "subnet subnet-0 does not exist"),
    ({"instanceTypes": ["c6i", "c6g"]}, "must share one architecture"),
    ({"bidPercentage": 101}, "bidPercentage 101 must be between 0 and 100"),
])  # fmt: skip
def test_an_update_to_what_could_not_be_created_changes_nothing(
    testbed: Testbed, change: dict[str, Any], expected: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateComputeEnvironment.html."""
    name = testbed.environment(type="SPOT")
    before = testbed.batch.describe_compute_environments(computeEnvironments=[name])
    message = refused(
        testbed.batch.update_compute_environment,
        computeEnvironment=name,
        computeResources=change,
        state="DISABLED",
    )
    after = testbed.batch.describe_compute_environments(computeEnvironments=[name])

    assert expected in message
    assert after["computeEnvironments"] == before["computeEnvironments"]


def test_the_environments_of_a_queue_share_one_architecture(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html."""
    names = [testbed.environment(), testbed.environment(instanceTypes=["default_arm64"])]
    message = refused(
        testbed.batch.create_job_queue,
        jobQueueName="bad",
        priority=1,
        computeEnvironmentOrder=[
            {"order": order, "computeEnvironment": name} for order, name in enumerate(names)
        ],
    )

    assert "must share the same architecture" in message


def test_a_queue_has_one_to_three_environments_of_distinct_order(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html."""
    names = [testbed.environment() for _ in range(4)]
    for chosen in ([], names):
        order = [{"order": i, "computeEnvironment": name} for i, name in enumerate(chosen)]
        message = refused(
            testbed.batch.create_job_queue,
            jobQueueName="bad",
            priority=1,
            computeEnvironmentOrder=order,
        )
        assert "must name between 1 and 3 compute environments" in message
    twice = [{"order": 1, "computeEnvironment": name} for name in names[:2]]
    message = refused(
        testbed.batch.create_job_queue,
        jobQueueName="bad",
        priority=1,
        computeEnvironmentOrder=twice,
    )
    assert "the same order twice" in message


@pytest.mark.parametrize(("change", "expected"), [
    ({"maxTimeSeconds": 599}, "maxTimeSeconds must be between 600 and 86400"),
    ({"reason": "boredom"}, "Invalid job reason"),
    ({"action": "WAIT"}, "must be one of CANCEL"),
])  # fmt: skip
def test_a_time_limit_that_aws_refuses_is_refused(
    testbed: Testbed, change: dict[str, Any], expected: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobStateTimeLimitAction.html."""
    action = {
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    } | change
    message = refused(
        testbed.batch.create_job_queue,
        jobQueueName="bad",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": testbed.environment()}],
        jobStateTimeLimitActions=[action],
    )

    assert expected in message


def test_a_name_can_be_taken_once(testbed: Testbed) -> None:
    """https://github.com/aws/aws-cdk/issues/27054 and many others quote "already exists"."""
    name = testbed.environment()
    request = environments(testbed) | {"computeEnvironmentName": name}

    assert refused(testbed.batch.create_compute_environment, **request) == "Object already exists"


@pytest.mark.parametrize("what", ["MAX_QUEUES", "MAX_COMPUTE_ENVIRONMENTS"])
def test_an_account_has_fifty_queues_and_environments(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html."""
    assert getattr(limits, what) == 50
    environment_name = testbed.environment()
    monkeypatch.setattr(limits, what, 1)
    if what == "MAX_QUEUES":
        testbed_queue = {"order": 1, "computeEnvironment": environment_name}
        monkeypatch.setattr(limits, what, 0)
        message = refused(
            testbed.batch.create_job_queue,
            jobQueueName="one-more",
            priority=1,
            computeEnvironmentOrder=[testbed_queue],
        )
    else:
        message = refused(testbed.batch.create_compute_environment, **environments(testbed))

    assert "exceeded" in message


def test_at_most_a_hundred_jobs_are_described_at_once(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html."""
    assert "between 1 and 100" in refused(testbed.batch.describe_jobs, jobs=["x"] * 101)
    assert testbed.batch.describe_jobs(jobs=["x"] * 100)["jobs"] == []


def test_a_disabled_queue_takes_no_job(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobQueueDetail.html (state)."""
    queue = testbed.queue()
    testbed.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    message = refused(
        testbed.batch.submit_job, jobName="j", jobQueue=queue, jobDefinition=testbed.definition()
    )

    assert "is not in ENABLED state" in message


def test_an_operation_that_is_not_there_is_named(testbed: Testbed) -> None:
    """Ours: AWS has all its operations."""
    message = refused(
        testbed.batch.create_consumable_resource, consumableResourceName="licence", totalQuantity=1
    )

    assert message == "The local AWS has no Batch operation CreateConsumableResource"
