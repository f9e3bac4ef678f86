"""What a job of the local Batch runs as, and the secrets it gets."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from local_aws.batch import credentials
from local_aws.batch.place import Place
from tests.support.batch import ACCOUNT, REGION, Testbed, process_testbed

ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
VARIABLE = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


def path_of(testbed: Testbed, job: str) -> str:
    described = testbed.wait(job, "RUNNING")
    while not (lines := testbed.lines(described)):
        pass
    return urlsplit(lines[0]).path


def served(testbed: Testbed, **container: Any) -> tuple[str, dict[str, str]]:
    definition = testbed.definition(
        ["sh", "-c", f"echo ${VARIABLE}; sleep 30"], container=container
    )
    job = testbed.submit(jobDefinition=definition)
    answer = credentials.answer(path_of(testbed, job))
    assert answer is not None
    return job, answer


def test_a_job_is_served_the_credentials_of_its_role(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html."""
    job, answer = served(testbed, jobRoleArn=ROLE)
    task = testbed.describe(job)["container"]["taskArn"].rpartition("/")[2]
    identity = boto3.session.Session().client(
        "sts",
        region_name=REGION,
        endpoint_url=testbed.endpoint,
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["Token"],
    )

    assert set(answer) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert answer["RoleArn"] == ROLE
    arn = identity.get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/job/{task}"
    testbed.batch.terminate_job(jobId=job, reason="seen")


def test_an_sdk_in_a_job_finds_its_roles_credentials(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html."""
    script = "import boto3; print(boto3.client('sts', 'us-west-2').get_caller_identity()['Arn'])"
    definition = testbed.definition([sys.executable, "-c", script], container={"jobRoleArn": ROLE})
    job = testbed.run(jobDefinition=definition)
    task = job["container"]["taskArn"].rpartition("/")[2]

    assert testbed.lines(job) == [f"arn:aws:sts::{ACCOUNT}:assumed-role/job/{task}"]


def test_credentials_last_for_hours_and_are_the_same_until_shortly_before(testbed: Testbed) -> None:
    """SDKs ask again when the end is near.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """
    path = credentials.grant(Place(ACCOUNT, REGION), ROLE, "task")
    first, again = credentials.answer(path), credentials.answer(path)

    assert first is not None
    assert first == again
    expires = datetime.strptime(first["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert expires - datetime.now(UTC) > timedelta(hours=5)
    credentials.revoke(path)


def test_credentials_end_with_their_container(testbed: Testbed) -> None:
    """Ours: a path leads to nothing once its container is gone."""
    definition = testbed.definition(["printenv", VARIABLE], container={"jobRoleArn": ROLE})
    job = testbed.run(jobDefinition=definition)
    (uri,) = testbed.lines(job)

    assert credentials.answer(urlsplit(uri).path) is None
    assert credentials.answer("/_local/credentials/none") is None
    assert credentials.answer("/elsewhere") is None


def test_a_job_without_a_role_has_that_of_its_instance(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-iam-roles.html."""
    job, answer = served(testbed)

    assert answer["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/worker"
    testbed.batch.terminate_job(jobId=job, reason="seen")


def test_a_hop_limit_of_one_keeps_the_instance_role_from_containers(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html."""
    template = testbed.client("ec2").create_launch_template(
        LaunchTemplateName=testbed.unique("template"),
        LaunchTemplateData={"MetadataOptions": {"HttpPutResponseHopLimit": 1}},
    )["LaunchTemplate"]["LaunchTemplateId"]
    environment = testbed.environment(launchTemplate={"launchTemplateId": template})
    job = testbed.run(f"echo ${{{VARIABLE}:-none}}", jobQueue=testbed.queue(environment))

    assert testbed.lines(job) == ["none"]


def test_a_role_that_is_not_there_keeps_the_job_from_starting(testbed: Testbed) -> None:
    """The literal reason: https://github.com/nextflow-io/nextflow/pull/2146."""
    missing = {"jobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"}
    job = testbed.run(jobDefinition=testbed.definition(container=missing))

    assert job["status"] == "FAILED"
    assert job["container"]["reason"].startswith("ECS was unable to assume the role ")


def test_secrets_become_variables(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data.html."""
    secrets = testbed.client("secretsmanager")
    arn = secrets.create_secret(Name="whole", SecretString="one")["ARN"]
    definition = testbed.definition(
        ["sh", "-c", "echo $ONE"],
        container={
            "executionRoleArn": ROLE,
            "secrets": [{"name": "ONE", "valueFrom": arn}],
        },
    )
    job = testbed.run(jobDefinition=definition)

    assert testbed.lines(job) == ["one"]
    assert job["container"]["environment"] == []


def test_a_secret_that_is_not_there_keeps_the_job_from_starting(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html."""
    missing = {"executionRoleArn": ROLE, "secrets": [{"name": "X", "valueFrom": "/none"}]}
    job = testbed.run(jobDefinition=testbed.definition(container=missing))

    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("ResourceInitializationError: ")
    assert "/none" in job["container"]["reason"]
