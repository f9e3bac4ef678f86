"""The head's job definition on the local Batch: what is retried, and the secrets that it gets."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from local_aws import batch
from local_aws.batch.retry import should_retry
from testbed.resources import only
from testbed.synthesized import changed, of
from tests.support.batch import ACCOUNT, Testbed, process_testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.synthesized import Templates


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        yield bed


@pytest.fixture(scope="module")
def strategy(templates: Callable[[str], Templates]) -> dict[str, Any]:
    """The definition's retry strategy as the API spells it."""
    definition = only(templates("default")["batch"], "AWS::Batch::JobDefinition")
    return {
        "attempts": definition["RetryStrategy"]["Attempts"],
        "evaluateOnExit": [
            {key[0].lower() + key[1:]: value for key, value in rule.items()}
            for rule in definition["RetryStrategy"]["EvaluateOnExit"]
        ],
    }


def test_a_head_whose_host_is_reclaimed_is_started_again(
    testbed: Testbed, strategy: dict[str, Any]
) -> None:
    job = testbed.submit("test $AWS_BATCH_JOB_ATTEMPT = 2 || sleep 60", retryStrategy=strategy)
    testbed.wait(job, "RUNNING")
    batch.reclaim_host(job)
    ended = testbed.wait(job)

    assert ended["attempts"][0]["statusReason"].startswith("Host EC2 (instance i-")
    assert (ended["status"], len(ended["attempts"])) == ("SUCCEEDED", 2)


def test_a_head_whose_image_cannot_be_pulled_is_tried_again(
    testbed: Testbed, strategy: dict[str, Any]
) -> None:
    batch.fail_next_pull()
    ended = testbed.run(retryStrategy=strategy)

    assert ended["attempts"][0]["container"]["reason"].startswith("CannotPullContainerError: ")
    assert (ended["status"], len(ended["attempts"])) == ("SUCCEEDED", 2)


def test_a_failed_pipeline_is_not_run_again(testbed: Testbed, strategy: dict[str, Any]) -> None:
    ended = testbed.run("exit 1", retryStrategy=strategy)

    assert (ended["status"], len(ended["attempts"])) == ("FAILED", 1)


def test_a_head_that_was_killed_on_a_living_host_is_not_run_again(
    testbed: Testbed, strategy: dict[str, Any]
) -> None:
    ended = testbed.run("kill -9 $$", retryStrategy=strategy)

    assert ended["attempts"][0]["container"]["exitCode"] == 137
    assert len(ended["attempts"]) == 1


#: Reasons as the ECS agent writes them, and whether another attempt can mend them.
REASONS = [
    ("CannotPullContainerError: inactivity time exceeded timeout", True),
    ("CannotPullECRContainerError: RequestError: send request failed", True),
    ("CannotPullContainerAuthError: request canceled", True),
    ("CannotPullImageManifestError: request canceled", True),
    ("DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s", True),
    ("AGENT", True),
    ("OutOfMemoryError: Container killed due to memory usage", False),
    ("CannotStartContainerError: Error response from daemon: failed to initialize logging", False),
    ("CannotCreateContainerError: Error response from daemon: no such volume", False),
    ("ResourceInitializationError: unable to pull secrets or registry auth", False),
    ("ECS was unable to assume the role 'arn:aws:iam::123456789012:role/head'", False),
]


@pytest.mark.parametrize(("reason", "again"), REASONS)
def test_only_what_another_attempt_can_mend_is_retried(
    reason: str, again: bool, strategy: dict[str, Any]
) -> None:
    """https://github.com/aws/amazon-ecs-agent/blob/master/agent/dockerclient/dockerapi/errors.go."""
    retried = should_retry(
        strategy["evaluateOnExit"],
        status_reason="Task failed to start",
        reason=reason,
        exit_code=None,
    )

    assert retried is again


def test_the_head_gets_its_secrets_and_nothing_shows_their_values(testbed: Testbed) -> None:
    secrets = testbed.client("secretsmanager")
    scm = "providers {\n  lab {\n    password = '$hush hush'\n  }\n}"
    git = secrets.create_secret(Name="lab/git", SecretString=scm)["ARN"]
    seqera = secrets.create_secret(Name="seqera", SecretString="hush-token")["ARN"]
    template = of(changed("default", head={"git_secret": git, "seqera_secret": seqera}))["batch"]
    named = only(template, "AWS::Batch::JobDefinition")["ContainerProperties"]["Secrets"]
    definition = testbed.definition(
        ["sh", "-c", 'printf %s "$NF_SCM" "$TOWER_ACCESS_TOKEN" | sha256sum'],
        container={
            "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/job",
            "secrets": [{"name": e["Name"], "valueFrom": e["ValueFrom"]} for e in named],
        },
    )
    job = testbed.run(jobDefinition=definition)

    assert testbed.lines(job) == [f"{sha256(f'{scm}hush-token'.encode()).hexdigest()}  -"]
    for shown in (str(template.to_json()), str(job)):
        assert "$hush hush" not in shown
        assert "hush-token" not in shown
