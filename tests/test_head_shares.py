"""Two teams that share a queue, with a real Nextflow on the local AWS.

`make test-head` runs these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed
from testbed.synthesized import changed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]
SUCCESS = ("SUCCEEDED", 0, "the pipeline succeeded")
MANY = 24
#: Two tasks at a time.
SETTINGS = {
    "compute_environments": {
        "heads": {"purchase": "on-demand", "instance_types": ["m6i.large"], "max_vcpus": 8},
        "spot": {"purchase": "spot", "instance_types": ["m6i.large"], "max_vcpus": 2},
    },
    "queues": {
        "default": {"priority": 1, "compute_environments": ["spot"]},
        "highpriority": {"priority": 100, "compute_environments": ["spot"]},
        "heads": {"priority": 100, "compute_environments": ["heads"]},
    },
    "head__queue": "heads",
    "shares": {
        "weight_factors": {"genomics": 1, "imaging": 1},
        "default": "genomics",
        "compute_reservation": 0,
    },
}


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        settings = changed("workshop", **SETTINGS)
        with head_testbed(paths.ROOT / "build" / "shares", settings=settings) as bed:
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))


def starts(tasks: list[dict[str, Any]]) -> list[int]:
    return sorted(task["startedAt"] for task in tasks)


def test_a_run_of_many_tasks_does_not_starve_that_of_another_team(testbed: HeadTestbed) -> None:
    project = testbed.put_project("naps")
    # A priority counts only within a share.
    large = testbed.submit(
        project, "--tasks", str(MANY), "--seconds", "3", queue="heads", NF_PRIORITY="7"
    )
    testbed.until(lambda: len(testbed.tasks(large)) == MANY, "all tasks are submitted")

    small = testbed.submit(
        project, "--tasks", "2", "--seconds", "3", queue="heads", NF_SHARE="imaging"
    )
    assert testbed.end(small) == SUCCESS
    assert testbed.end(large) == SUCCESS

    many, few = testbed.tasks(large), testbed.tasks(small)
    assert [len(many), len(few)] == [MANY, 2]
    submitted = min(task["createdAt"] for task in few)
    waited = [start for start in starts(many) if start > submitted]
    overtaken = [start for start in waited if start > starts(few)[-1]]
    # They were submitted after all others, and still started before most that waited then.
    assert submitted > max(task["createdAt"] for task in many)
    assert len(waited) - len(overtaken) <= 2 < len(overtaken)
    scheduling = [
        {
            (task["shareIdentifier"], task["schedulingPriority"], task["tags"]["nextflow-share"])
            for task in tasks
        }
        for tasks in (many, few)
    ]
    assert scheduling == [{("genomics", 7, "genomics")}, {("imaging", 0, "imaging")}]
