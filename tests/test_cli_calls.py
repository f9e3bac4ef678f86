"""How many calls `nfbatch` makes: an account has a budget of them, which all its users share."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from nfbatch import options
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS, TASKS = 101, 101
#: More than the queue's instances have, so that the jobs wait.
TOO_LARGE = [{"type": "VCPU", "value": "9999"}]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


def waiting(lab: DeploymentTestbed, queue: str, definition: str, *command: str) -> str:
    """Submit a job that stays RUNNABLE."""
    overrides: dict[str, Any] = {"resourceRequirements": TOO_LARGE, "command": list(command)}
    return lab.testbed.submit(
        jobQueue=queue, jobDefinition=definition, containerOverrides=overrides
    )


@contextmanager
def counted(lab: DeploymentTestbed) -> Iterator[Counter[str]]:
    """Count the calls of the command that runs meanwhile."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    with pytest.MonkeyPatch.context() as patch:
        for name, value in lab.variables.items():
            patch.setenv(name, value)
        clients = [lab.connect(None, None).client(name) for name in ("ssm", "batch", "s3", "logs")]
    for client in clients:
        client.meta.events.register("before-call", count, unique_id="count")
    yield calls
    for client in clients:
        client.meta.events.unregister("before-call", unique_id="count")


def test_a_list_of_runs_is_a_call_for_each_hundred(lab: DeploymentTestbed) -> None:
    for _ in range(RUNS):
        waiting(lab, lab.queues[0], lab.job_definition, "hello")
    with counted(lab) as calls:
        runs = lab.nfbatch("list", "--all", "--json").json["runs"]

    assert len(runs) == RUNS
    # A page of filtered jobs has a hundred; each queue has one page at least.
    assert calls == {"GetParametersByPath": 1, "ListJobs": 2 + 1, "DescribeJobs": 2}


def test_the_newest_runs_are_one_page_of_each_queue(lab: DeploymentTestbed) -> None:
    with counted(lab) as calls:
        lab.nfbatch("list")

    assert calls == {"GetParametersByPath": 1, "ListJobs": 2, "DescribeJobs": 1}


def test_the_status_of_a_run_does_not_ask_for_each_task(lab: DeploymentTestbed) -> None:
    head = waiting(lab, lab.queues[0], lab.job_definition, "hello")
    folder = f"{lab.document_uri('runs')}/run-{head}"
    record = {
        "format": 1,
        "session": {"id": "x", "folder": folder},
        "tasks": {"completed": 10_000},
        "attempts": [],
    }
    key = f"_nextflow/logs/run-{head}/run.json"
    lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=json.dumps(record).encode())
    definition = lab.testbed.definition()
    for number in range(TASKS):
        waiting(lab, lab.queues[1], definition, f"{folder}/work/ab/{number}")
    with counted(lab) as calls:
        found = lab.nfbatch("status", "--json", head).json

    assert found["tasks"] == {"RUNNABLE": TASKS, "COMPLETED": 10_000}
    # The head; five statuses in two queues; two hundreds of tasks.
    assert calls == {
        "GetParametersByPath": 1,
        "DescribeJobs": 1 + 2,
        "GetObject": 1,
        "ListJobs": 5 * 2,
    }


def test_the_status_of_a_run_that_has_ended_asks_for_no_task(lab: DeploymentTestbed) -> None:
    head = waiting(lab, lab.queues[0], lab.job_definition, "hello")
    lab.testbed.batch.terminate_job(jobId=head, reason="the test is over")
    lab.testbed.wait(head)
    with counted(lab) as calls:
        lab.nfbatch("status", head)

    assert calls == {"GetParametersByPath": 1, "DescribeJobs": 1, "GetObject": 1}


def test_the_commands_of_a_test_share_their_clients(lab: DeploymentTestbed) -> None:
    """Without this, the calls above would not be counted."""
    assert lab.connect(None, None) is lab.connect(None, None)
    assert options.connect(None, None) is not options.connect(None, None)
