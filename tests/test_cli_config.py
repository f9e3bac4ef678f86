"""`nfbatch config`: a nextflow.config that Nextflow reads, and the values for Seqera Platform."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from nfbatch.error import Kind
from tests.support import nextflow_options
from tests.support.recorded_aws import RecordedAws
from tests.support.recorded_deployment import BATCH, HEALTHY, nfbatch
from tests.test_head_configuration import options
from tests.test_strict_syntax import against, libraries  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "NF_JOB_QUEUE": f"{BATCH}:job-queue/default",
    "NF_JOB_ROLE": "arn:aws:iam::123456789012:role/task",
    "NF_AWS_CLI": "/opt/aws-cli/bin/aws",
    "NF_MAX_CPUS": "128",
    "NF_MAX_MEMORY": "943718",
}
ROUTED = {
    **VARIABLES,
    "NF_GPU_QUEUE": f"{BATCH}:job-queue/lab-gpu",
    "NF_LABEL_QUEUES": f"arm64={BATCH}:job-queue/lab-graviton big={BATCH}:job-queue/lab-big",
    "NF_QUEUE_LIMITS": f"{BATCH}:job-queue/lab-gpu=96:363724 {BATCH}:job-queue/lab-big=192:1454899",
}


def aws(variables: dict[str, str] = VARIABLES) -> RecordedAws:
    (known,) = HEALTHY["DescribeJobDefinitions"]["jobDefinitions"]
    container = {
        **known["containerProperties"],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "8192"},
        ],
    }
    made = {**known, "containerProperties": container}
    return RecordedAws({**HEALTHY, "DescribeJobDefinitions": {"jobDefinitions": [made]}})


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("//")]


def test_the_configuration_is_valid_in_the_pinned_nextflow(
    libraries: list[Path],  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    texts = {"nextflow.config": nfbatch(aws(), "config").out}

    assert against(libraries, tmp_path, texts) == []
    # The parser does find what is wrong.
    broken = {"broken.config": texts["nextflow.config"].replace("workDir =", "def workDir =")}
    assert against(libraries, tmp_path, broken) != []


def test_tasks_go_to_the_queues_of_their_processors(
    libraries: list[Path],  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    text = nfbatch(aws(ROUTED), "config").out

    assert "    queue = { task.accelerator ? 'lab-gpu' : 'default' }" in lines(text)
    others, gpus = "[cpus: 128, memory: '943718 MB']", "[cpus: 96, memory: '363724 MB']"
    assert f"    resourceLimits = {{ task.accelerator ? {gpus} : {others} }}" in lines(text)
    start = lines(text).index("    withLabel: 'arm64' {")
    assert lines(text)[start : start + 8] == [
        "    withLabel: 'arm64' {",
        "        queue = 'lab-graviton'",
        f"        resourceLimits = {others}",
        "    }",
        "    withLabel: 'big' {",
        "        queue = 'lab-big'",
        "        resourceLimits = [cpus: 192, memory: '1454899 MB']",
        "    }",
    ]
    assert against(libraries, tmp_path, {"nextflow.config": text}) == []


def test_every_option_is_known_to_the_pinned_nextflow() -> None:
    _, known = nextflow_options.declared()
    found = [line for line in lines(nfbatch(aws(), "config").out) if "id '" not in line]

    assert options(found) <= known
    assert "aws.batch.cliPath" in options(found)


def test_tasks_may_write_its_work_directory() -> None:
    text = nfbatch(aws(), "config").out
    work = re.search(r"^workDir = 's3://lab-bucket/(.+)'$", text, re.MULTILINE)

    assert work
    # As docs/adr/0019-what-a-task-cannot-write.md has it: PREFIX/runs/*/work/*
    assert re.fullmatch(r"_nextflow/runs/[^/]+/work", work[1])


def test_it_has_the_heads_values() -> None:
    found = lines(nfbatch(aws(), "config").out)

    for line in (
        "    queue = 'default'",
        "    resourceLabels = ['nextflow-deployment': 'lab']",
        "    resourceLimits = [cpus: 128, memory: '943718 MB']",
        "        cliPath = '/opt/aws-cli/bin/aws'",
        "        jobRole = 'arn:aws:iam::123456789012:role/task'",
        "        logsGroup = 'lab-logs'",
    ):
        assert line in found


def test_what_the_deployment_does_not_have_is_left_out() -> None:
    needed = {name: VARIABLES[name] for name in ("NF_JOB_QUEUE", "NF_AWS_CLI")}
    text = nfbatch(aws(needed), "config").out

    assert "jobRole" not in text
    assert "resourceLimits" not in text


def test_the_values_for_seqera() -> None:
    done = nfbatch(aws(), "config", "--seqera", "--json")
    said: dict[str, Any] = json.loads(done.out)

    assert said == {
        "Region": "us-west-2",
        "Pipeline work directory": "s3://lab-bucket/_nextflow/runs/seqera/work",
        "Head queue": "default",
        "Compute queue": "default",
        "Compute Job role": "arn:aws:iam::123456789012:role/task",
        "Head Job CPUs": "2",
        "Head Job memory": "8192",
        "AWS CLI tool path": "/opt/aws-cli/bin/aws",
    }
    assert "nf-lab_*" in nfbatch(aws(), "config", "--seqera").err


def test_without_a_job_definition_it_is_one_line() -> None:
    answers = {**HEALTHY, "DescribeJobDefinitions": {"jobDefinitions": []}}
    done = nfbatch(RecordedAws(answers), "config")

    assert (done.status, done.out, done.err.count("\n")) == (Kind.NOT_FOUND, "", 1)
