"""Whose tasks are, with a real Nextflow on the local AWS: definitions, jobs, and where they write.

`make test-head` runs these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]
SUCCESS = ("SUCCEEDED", 0, "the pipeline succeeded")
ONE = """
process ONE {
    resourceLabels team: 'genomics'
    output: path 'made.txt'
    script: "echo made > made.txt"
}
workflow { ONE() }
"""


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "deployments") as bed:
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))


def _definitions(testbed: HeadTestbed) -> list[dict[str, Any]]:
    found = testbed.batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    return [entry for entry in found if entry["jobDefinitionName"].startswith("nf-")]


def test_definitions_and_jobs_carry_the_deployments_name_whatever_a_pipeline_says(
    testbed: HeadTestbed,
) -> None:
    job = testbed.submit(testbed.put_project("one", ONE))

    assert testbed.end(job) == SUCCESS

    (task,) = testbed.tasks(job)
    assert task["tags"]["nextflow-deployment"] == "workshop"
    assert task["tags"]["team"] == "genomics"
    assert testbed.describe(job)[0]["tags"]["nextflow-deployment"] == "workshop"
    assert {entry["jobDefinitionName"] for entry in _definitions(testbed)} == {
        "nf-workshop_nextflow-batch-task-local"
    }


def test_a_definition_is_used_again_only_if_it_is_what_the_run_would_register(
    testbed: HeadTestbed,
) -> None:
    """Nextflow by itself goes by the name and a token that anybody can read and copy."""
    project = testbed.put_project("two", ONE)
    assert testbed.end(testbed.submit(project)) == SUCCESS
    genuine = _definitions(testbed)
    (own,) = genuine
    properties = own["containerProperties"]
    for change in (
        {"image": "attacker/image"},
        {"privileged": True},
        {"environment": [{"name": "LD_PRELOAD", "value": "/evil.so"}]},
        {"volumes": [*properties["volumes"], {"name": "all", "host": {"sourcePath": "/"}}]},
    ):
        testbed.batch.register_job_definition(
            jobDefinitionName=own["jobDefinitionName"],
            type="container",
            parameters=own["parameters"],
            containerProperties=properties | change,
        )
    testbed.batch.deregister_job_definition(jobDefinition=own["jobDefinitionArn"])

    jobs = [testbed.submit(project) for _ in range(2)]

    assert [testbed.end(job) for job in jobs] == [SUCCESS, SUCCESS]
    used = {task["jobDefinition"] for job in jobs for task in testbed.tasks(job)}
    described = {
        entry["jobDefinitionArn"]: entry["containerProperties"] for entry in _definitions(testbed)
    }
    assert len(used) <= 2
    for arn in used:
        assert described[arn] == properties


@pytest.mark.parametrize(
    ("text", "config", "line"),
    [
        (
            ONE,
            "workDir = 's3://BUCKET/elsewhere/work'",
            "The work directory s3://BUCKET/elsewhere/work is not allowed: tasks can write only below"
            " s3://BUCKET/_nextflow/runs/NAME/work; remove workDir, bucketDir or NXF_WORK",
        ),
        (
            ONE.replace("output:", "storeDir 's3://BUCKET/store'\n    output:"),
            "",
            "process ONE: storeDir s3://BUCKET/store is not allowed: tasks can write only in their"
            " work directories; add the folder to storage.store_dirs in the settings, or use"
            " publishDir",
        ),
        (
            ONE,
            "process.containerOptions = '--privileged'",
            "process ONE: A privileged container is not allowed: set head.privileged_tasks in the"
            " settings to true, or remove --privileged from containerOptions, or Fusion",
        ),
    ],
    ids=["work", "store", "privileged"],
)
def test_what_the_policies_forbid_ends_in_one_line_without_a_task(
    testbed: HeadTestbed, text: str, config: str, line: str
) -> None:
    text, config = (each.replace("BUCKET", testbed.bucket) for each in (text, config))
    project = testbed.put_project("forbidden", text, config)

    job = testbed.submit(project)

    assert testbed.end(job) == ("BAD_INPUT", 2, line.replace("BUCKET", testbed.bucket))
    assert testbed.tasks(job) == []


def test_a_store_dir_of_the_settings_keeps_what_tasks_put_there(testbed: HeadTestbed) -> None:
    store = f"s3://{testbed.bucket}/store"
    text = ONE.replace("output:", f"storeDir '{store}'\n    output:")
    project = testbed.put_project("store", text)

    job = testbed.submit(project, NF_STORE_DIRS=store)
    assert testbed.end(job) == SUCCESS
    assert "store/made.txt" in testbed.keys("store/")

    again = testbed.submit(project, NF_STORE_DIRS=store)
    assert testbed.end(again) == SUCCESS
    assert testbed.tasks(again) == []
