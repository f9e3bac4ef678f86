"""A head's job says how its run ended where `aws batch describe-jobs` shows it."""

import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextflow_head import job_tags
from nextflow_head.outcome import Outcome, State
from stacks import paths
from tests.support.batch import REGION, Testbed, process_testbed

FAILED = Outcome(
    State.FAILED, 1, 'pipeline failed: process ALIGN (a;b): exit status 1: it\'s "bad"'
)


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        yield bed


@pytest.fixture
def container(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return {
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": testbed.endpoint,
        "AWS_BATCH_JOB_ID": testbed.submit("sleep 30", tags={"lab": "ours"}),
    }


def lines(ended: Outcome, container: dict[str, str]) -> list[str]:
    """Tags the job and returns what the head said of it."""
    lines: list[str] = []
    job_tags.put(ended, container, lines.append).join(20)
    return lines


def test_describe_jobs_shows_how_a_run_ended(testbed: Testbed, container: dict[str, str]) -> None:
    assert lines(FAILED, container) == []

    assert testbed.describe(container["AWS_BATCH_JOB_ID"])["tags"] == {
        "lab": "ours",
        "nextflow-outcome": "FAILED",
        "nextflow-reason": "pipeline failed: process ALIGN a b: exit status 1: its bad",
    }


def test_a_success_needs_no_reason(testbed: Testbed, container: dict[str, str]) -> None:
    lines(Outcome(State.SUCCEEDED, 0, ""), container)

    tags = testbed.describe(container["AWS_BATCH_JOB_ID"])["tags"]
    assert tags == {"lab": "ours", "nextflow-outcome": "SUCCEEDED"}


def test_a_head_belongs_to_its_deployment_from_its_start_to_its_end(
    testbed: Testbed, container: dict[str, str]
) -> None:
    """Heads of other deployments may not end a job that has the tag: docs/permissions.md."""
    container["NF_DEPLOYMENT"] = "lab-a"
    job_tags.claim(container, print)

    def tags() -> dict[str, str]:
        return dict(testbed.describe(container["AWS_BATCH_JOB_ID"])["tags"])

    deadline = time.monotonic() + 200
    while "nextflow-deployment" not in tags() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tags() == {"lab": "ours", "nextflow-deployment": "lab-a"}

    lines(Outcome(State.SUCCEEDED, 0, ""), container)
    assert tags() == {
        "lab": "ours",
        "nextflow-deployment": "lab-a",
        "nextflow-outcome": "SUCCEEDED",
    }


@pytest.mark.parametrize(
    "line", ["x" * 400, "é ü 日本 " * 60, "`a` 'b' \"c\"; (d), [e]\n\tf\u2028g"]
)
def test_a_reason_has_the_length_and_the_letters_that_aws_takes(line: str) -> None:
    reason = job_tags.of(Outcome(State.FAILED, 1, line))["nextflow-reason"]

    assert 0 < len(reason) <= 256
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    assert re.fullmatch(r"[\w .:/=+@-]+", reason)


@pytest.mark.parametrize("lacking", ["AWS_REGION", "AWS_BATCH_JOB_ID"])
def test_a_container_that_does_not_know_its_job_tags_none(
    container: dict[str, str], lacking: str
) -> None:
    del container[lacking]

    assert lines(FAILED, container) == []


def test_a_batch_that_refuses_is_said_and_ends_no_run(
    testbed: Testbed, container: dict[str, str]
) -> None:
    testbed.server.faults.denied("batch", "/v1/", 600)
    try:
        (line,) = lines(FAILED, container)
    finally:
        testbed.server.faults.clear()

    assert line.startswith("the job's tags could not be set: ")
    assert "batch:" in line or "AccessDenied" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            "hello -zzz",
            "Unknown option: -zzz: nextflow run has no such option - or the option needs a value",
        ),
        ("-zzz", "no project is named: the jobs command must be the arguments of nextflow"),
    ],
    ids=["refused by Nextflow", "refused by the head"],
)
def test_a_head_tags_the_job_that_it_is(
    testbed: Testbed, tmp_path: Path, arguments: str, reason: str
) -> None:
    nextflow = tmp_path / "nextflow"
    nextflow.write_text(
        "#!/bin/sh\necho 'Unknown option: -zzz -- Check the available commands' >&2\nexit 1\n"
    )
    nextflow.chmod(0o755)
    testbed.client("s3").create_bucket(
        Bucket=tmp_path.name.replace("_", "-"),
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    variables = {
        "PYTHONPATH": str(paths.HEAD_IMAGE),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": testbed.endpoint,
        "AWS_REGION": REGION,
        "NF_JOB_QUEUE": "default",
        "NF_WORKDIR": f"s3://{tmp_path.name.replace('_', '-')}/runs",
        "NF_LOGSDIR": f"s3://{tmp_path.name.replace('_', '-')}/logs",
    }
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())

    job = testbed.wait(
        testbed.submit(
            f"PATH={tmp_path}:$PATH {assignments}"
            f" {shlex.quote(sys.executable)} -m nextflow_head {arguments}"
        )
    )

    assert job["container"]["exitCode"] == 2
    assert job["tags"]["nextflow-outcome"] == "BAD_INPUT"
    assert job["tags"]["nextflow-reason"].startswith(reason)
