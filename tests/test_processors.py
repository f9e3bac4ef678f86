"""Queues for GPUs and for Graviton: the example's templates, and where tasks go."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.rehearsal import core
from nextflow_head import configuration
from nextflow_head.session import Session
from testbed.resources import only, properties, text
from tests.support.batch import Testbed, process_testbed
from tests.test_head_configuration import BARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_cdk.assertions import Template

    from testbed.synthesized import Templates

CACHE = Path("build/rehearsal").absolute()
ROUTED = dataclasses.replace(
    BARE,
    gpu_queue="lab-gpu",
    label_queues=(("arm64", "lab-graviton"), ("process_gpu", "lab-gpu"), ("plain", "lab-plain")),
    max_cpus=4,
    max_memory=4000,
    queue_limits=(("lab-gpu", 2, 2000), ("lab-graviton", 8, 8000)),
)


@pytest.fixture(scope="module")
def batch(templates: Callable[[str], Templates]) -> Template:
    return templates("processors")["batch"]


def test_gpus_have_the_ami_with_their_driver_and_graviton_has_the_ordinary_one(
    batch: Template,
) -> None:
    images = {
        entry["ComputeResources"]["InstanceTypes"][0]: entry["ComputeResources"]["Ec2Configuration"]
        for entry in properties(batch, "AWS::Batch::ComputeEnvironment")
    }

    assert images["g4dn"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]
    assert images["m7g"] == [{"ImageType": "ECS_AL2023"}]


def test_the_head_knows_both_queues(batch: Template) -> None:
    definition = only(batch, "AWS::Batch::JobDefinition")
    variables = {
        entry["Name"]: text(entry["Value"])
        for entry in definition["ContainerProperties"]["Environment"]
    }

    assert "gpuqueue" in variables["NF_GPU_QUEUE"]
    assert variables["NF_LABEL_QUEUES"].startswith("arm64=<")
    assert "gravitonqueue" in variables["NF_LABEL_QUEUES"]
    gpu, graviton = variables["NF_QUEUE_LIMITS"].split()
    assert "gpuqueue" in gpu
    assert gpu.endswith("=96:363724"), "92.5 % of the 384 GiB of a g5.24xlarge"
    assert "gravitonqueue" in graviton


def test_workers_get_programs_for_both_processors(templates: Callable[[str], Templates]) -> None:
    """Each worker takes those of its own: `uname -m` in boot.sh."""
    folder = templates("processors").directory
    programs = {path.name for path in folder.rglob("*") if path.is_file()}
    machines = {path.parent.name for path in folder.rglob("aws*") if path.is_file()}

    assert {"x86_64", "aarch64"} <= programs | machines


def test_an_accelerator_and_a_label_choose_the_queue() -> None:
    text = configuration.render(ROUTED, Session.of(ROUTED), Path("/reports"), None)
    lines = [line.strip() for line in text.splitlines()]

    assert "queue = { task.accelerator ? 'lab-gpu' : 'default' }" in lines
    start = lines.index("withLabel: 'arm64' {")
    assert lines[start + 1 : start + 5] == [
        "queue = 'lab-graviton'",
        "resourceLimits = [cpus: 8, memory: '8000 MB']",
        "}",
        "withLabel: 'process_gpu' {",
    ]


def test_without_limits_there_is_none() -> None:
    bare = dataclasses.replace(ROUTED, max_cpus=None, max_memory=None, queue_limits=())
    text = configuration.render(bare, Session.of(bare), Path("/reports"), None)

    assert "resourceLimits" not in text


PIPELINE = """
process PLAIN {
    output: stdout
    script: "echo PLAIN ${task.queue} ${task.cpus} ${task.memory.toMega()}"
}
process GPU {
    accelerator 1
    output: stdout
    script: "echo GPU ${task.queue} ${task.cpus} ${task.memory.toMega()}"
}
process ARM {
    label 'arm64'
    output: stdout
    script: "echo ARM ${task.queue} ${task.cpus} ${task.memory.toMega()}"
}
process LABELLED {
    label 'process_gpu'
    output: stdout
    script: "echo LABELLED ${task.queue} ${task.cpus} ${task.memory.toMega()}"
}
process BOTH {
    accelerator 1
    label 'plain'
    output: stdout
    script: "echo BOTH ${task.queue} ${task.cpus} ${task.memory.toMega()}"
}
workflow {
    PLAIN | view
    GPU | view
    ARM | view
    LABELLED | view
    BOTH | view
}
"""
#: As of a pipeline that asks for more than any queue has; the executor does not check it.
LARGE = "process { cpus = 64; memory = '512 GB' }\nexecutor { cpus = 99; memory = '999 GB' }\n"


def test_nextflow_sends_tasks_where_the_configuration_says(tmp_path: Path) -> None:
    """By its core, which runs the tasks as local processes."""
    try:
        home = core.fetch(CACHE)
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    rendered = configuration.render(ROUTED, Session.of(ROUTED), tmp_path, None)
    lines = [line for line in rendered.splitlines() if not line.startswith("workDir")]
    local = "\n".join(lines).replace("executor = 'awsbatch'", "executor = 'local'")
    (tmp_path / "head.config").write_text(f"{local}\n{LARGE}")
    (tmp_path / "main.nf").write_text(PIPELINE)
    done = subprocess.run(
        [home / "bin" / "nextflow", "run", "main.nf", "-c", "head.config"],
        cwd=tmp_path,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "NXF_OFFLINE": "true",
            "NXF_SYNTAX_PARSER": "v2",
            "NXF_JVM_ARGS": "-XX:TieredStopAtLevel=1",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    names = ("PLAIN", "GPU", "ARM", "LABELLED", "BOTH")
    assert {line[0]: line[1:] for line in words if line and line[0] in names} == {
        "PLAIN": ["default", "4", "4000"],
        "GPU": ["lab-gpu", "2", "2000"],
        "ARM": ["lab-graviton", "8", "8000"],
        "LABELLED": ["lab-gpu", "2", "2000"],
        "BOTH": ["lab-plain", "4", "4000"],
    }


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


def test_both_kinds_of_job_run_on_the_local_aws(testbed: Testbed) -> None:
    """Ours: as processes, without GPUs and on the machine's own processor."""
    kinds: list[dict[str, Any]] = [
        {"instanceTypes": ["g4dn"], "ec2Configuration": [{"imageType": "ECS_AL2023_NVIDIA"}]},
        {"instanceTypes": ["m7g"], "ec2Configuration": [{"imageType": "ECS_AL2023"}]},
    ]
    gpu = [{"type": "GPU", "value": "1"}]
    for resources, needs in zip(kinds, (gpu, []), strict=True):
        environment = testbed.environment(**resources)
        job = testbed.run(
            "echo $AWS_BATCH_CE_NAME",
            jobQueue=testbed.queue(environment),
            containerOverrides={"resourceRequirements": needs},
        )
        assert job["status"] == "SUCCEEDED"
        assert testbed.lines(job) == [environment]
