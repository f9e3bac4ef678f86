"""Retry strategies on the local Batch.

https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws import batch
from local_aws.batch.retry import should_retry
from tests.support.batch import Gate, Testbed, process_testbed


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as made:
        yield made


def test_a_failing_job_is_tried_as_often_as_its_strategy_says(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html."""
    job = testbed.run("exit 1", retryStrategy={"attempts": 3})

    assert job["status"] == "FAILED"
    assert len(job["attempts"]) == 3
    assert len({attempt["container"]["taskArn"] for attempt in job["attempts"]}) == 3


def test_each_attempt_knows_its_number_and_success_ends_the_series(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html."""
    job = testbed.run(
        "echo attempt $AWS_BATCH_JOB_ATTEMPT; test $AWS_BATCH_JOB_ATTEMPT = 2",
        retryStrategy={"attempts": 5},
    )

    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 0]
    assert testbed.lines(job) == ["attempt 2"]


def test_the_definition_decides_unless_the_submission_does(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html."""
    definition = testbed.definition(["false"], retryStrategy={"attempts": 2})

    assert len(testbed.run(jobDefinition=definition)["attempts"]) == 2
    job = testbed.run(jobDefinition=definition, retryStrategy={"attempts": 1})
    assert len(job["attempts"]) == 1


def test_without_a_strategy_there_is_one_attempt(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html."""
    assert len(testbed.run("exit 1")["attempts"]) == 1


NEXTFLOW = [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]


def test_the_rules_that_nextflow_writes_retry_a_reclaimed_host_only(testbed: Testbed) -> None:
    """https://github.com/nextflow-io/nextflow/blob/master/docs/aws.mdx (maxSpotAttempts)."""
    strategy = {"attempts": 3, "evaluateOnExit": NEXTFLOW}
    identity = testbed.submit("test $AWS_BATCH_JOB_ATTEMPT = 2 || sleep 60", retryStrategy=strategy)
    testbed.wait(identity, "RUNNING")
    batch.reclaim_host(identity)
    job = testbed.wait(identity)

    assert job["status"] == "SUCCEEDED"
    assert len(job["attempts"]) == 2
    assert len(testbed.run("exit 1", retryStrategy=strategy)["attempts"]) == 1


def test_a_failed_pull_can_be_retried_by_its_reason(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html."""
    batch.fail_next_pull()
    rules = [
        {"onReason": "CannotPullContainerError:*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]
    job = testbed.run(retryStrategy={"attempts": 2, "evaluateOnExit": rules})

    assert job["status"] == "SUCCEEDED"
    assert job["attempts"][0]["container"]["reason"].startswith("CannotPullContainerError:")
    assert "startedAt" not in job["attempts"][0]


def test_an_exit_code_can_end_the_series(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html."""
    rules = [{"onExitCode": "4*", "action": "EXIT"}, {"onExitCode": "*", "action": "RETRY"}]
    strategy = {"attempts": 3, "evaluateOnExit": rules}

    assert len(testbed.run("exit 42", retryStrategy=strategy)["attempts"]) == 1
    assert len(testbed.run("exit 24", retryStrategy=strategy)["attempts"]) == 3


def test_a_retried_job_goes_to_the_front_of_its_queue(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html."""
    queue = testbed.queue(testbed.environment(maxvCpus=1))
    gate = Gate()
    first = testbed.submit(
        f"{gate.script}; test $AWS_BATCH_JOB_ATTEMPT = 2",
        jobQueue=queue,
        retryStrategy={"attempts": 2},
    )
    second = testbed.submit(jobQueue=queue)
    gate.open()

    assert testbed.wait(second)["startedAt"] >= testbed.wait(first)["stoppedAt"]
    assert len(testbed.describe(first)["attempts"]) == 2


def test_the_strategy_is_described(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html."""
    strategy = {"attempts": 2, "evaluateOnExit": [{"onExitCode": "0", "action": "retry"}]}
    job = testbed.run(retryStrategy=strategy)

    assert job["retryStrategy"]["evaluateOnExit"] == [{"onExitCode": "0", "action": "RETRY"}]


CASES: list[tuple[list[dict[str, str]], dict[str, Any], bool]] = [
    ([], {}, True),
    ([{"onReason": "*", "action": "EXIT"}], {}, False),
    ([{"onReason": "Out*", "action": "EXIT"}], {"reason": "OutOfMemoryError: x"}, False),
    ([{"onReason": "Out", "action": "EXIT"}], {"reason": "OutOfMemoryError: x"}, True),
    ([{"onReason": "out*", "action": "EXIT"}], {"reason": "OutOfMemoryError: x"}, True),
    ([{"onExitCode": "1", "action": "EXIT"}], {"exit_code": 1}, False),
    ([{"onExitCode": "1", "action": "EXIT"}], {"exit_code": 10}, True),
    ([{"onExitCode": "1*", "action": "EXIT"}], {"exit_code": 10}, False),
    ([{"onExitCode": "1*", "action": "EXIT"}], {"exit_code": None}, True),
    (
        [{"onExitCode": "1", "onReason": "a*", "action": "EXIT"}],
        {"exit_code": 1, "reason": "b"},
        True,
    ),
    (
        [{"onExitCode": "1", "action": "RETRY"}, {"onExitCode": "*", "action": "EXIT"}],
        {"exit_code": 1},
        True,
    ),
]


@pytest.mark.parametrize(("rules", "outcome", "again"), CASES)
def test_the_first_rule_whose_conditions_all_hold_decides(
    rules: list[dict[str, str]], outcome: dict[str, Any], again: bool
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html."""
    end = {"status_reason": None, "reason": None, "exit_code": None} | outcome

    assert should_retry(rules, **end) is again


@given(st.text(), st.text())
def test_a_star_matches_any_end_and_nothing_else_is_special(start: str, rest: str) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html."""
    rules = [{"onReason": f"{start}*", "action": "EXIT"}]

    assert not should_retry(rules, status_reason=None, reason=start + rest, exit_code=None)
