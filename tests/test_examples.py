"""Other CDK apps install the library's wheel: three lines, and the examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stacks import jsii_cache, paths

EXAMPLES = sorted((paths.ROOT / "examples").glob("*.py"))
THREE_LINES = """\
from aws_cdk import App, Stack
from nextflow_batch import NextflowBatch

app = App()
stack = Stack(app, "Genomics")
NextflowBatch(stack, "NextflowBatch")
app.synth()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, and this checkout is not."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    if failed := re.search(r"BuildError: (.+)", built.stderr):
        pytest.skip(f"the wheel cannot be built here: {failed[1]}")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:  # a wheel without programs is installed by unpacking
        archive.extractall(site)
    # What the library needs is here already. The .pth in that folder, which leads to this checkout,
    # is not read: Python reads those of its own site-packages only.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv" / "bin" / "python"


def _synthesized(python: Path, app: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The resources of each stack."""
    run = subprocess.run(
        [python, app],
        env={
            "PATH": os.environ["PATH"],
            "CDK_OUTDIR": str(folder / "out"),
            # With the umask 002 jsii refuses its usual place, for each app of whoever has it.
            jsii_cache.VARIABLE: os.environ[jsii_cache.VARIABLE],
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return {
        file.name.partition(".")[0]: json.loads(file.read_text())["Resources"]
        for file in (folder / "out").glob("*.template.json")
    }


def _of(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["Properties"] for entry in resources.values() if entry["Type"] == kind]


def test_another_app_deploys_the_whole_in_three_lines(python: Path, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(THREE_LINES)

    resources = _synthesized(python, app, tmp_path)["Genomics"]

    for program in ("aws_client/*/aws-client", "task_s3/*/aws"):
        clients = sorted((tmp_path / "out").glob(f"asset.*/{program}"))
        assert [client.parent.name for client in clients] == ["aarch64", "x86_64"]
    assert len(_of(resources, "AWS::Batch::JobQueue")) == 3
    assert len(_of(resources, "AWS::Batch::JobDefinition")) == 1
    assert len(_of(resources, "AWS::EC2::VPC")) == 1
    assert '"NF_MAX_CPUS"' in json.dumps(resources)  # the table of instance types came along


def test_an_existing_vpc_and_two_queues_more(python: Path, tmp_path: Path) -> None:
    app = paths.ROOT / "examples" / "existing_vpc.py"

    resources = _synthesized(python, app, tmp_path)["Genomics"]

    assert _of(resources, "AWS::EC2::VPC") == []
    queues = {entry["JobQueueName"] for entry in _of(resources, "AWS::Batch::JobQueue")}
    assert queues == {"default", "highpriority", "heads", "long", "gpu"}
    for environment in _of(resources, "AWS::Batch::ComputeEnvironment"):
        assert environment["ComputeResources"]["Subnets"] == [
            "subnet-0123456789abcdef0",
            "subnet-0123456789abcdef1",
        ]
        assert "cost-center" not in environment["Tags"]  # a changed tag would replace it
    for queue in _of(resources, "AWS::Batch::JobQueue"):
        assert queue["Tags"]["cost-center"] == "genomics"
        assert queue["Tags"]["nextflow-batch:deployment"] == "genomics"


def test_parts_can_be_composed_by_another_app(python: Path, tmp_path: Path) -> None:
    app = paths.ROOT / "examples" / "own_parts.py"

    stacks = _synthesized(python, app, tmp_path)

    (people,) = (role for name, role in stacks["Data"].items() if name.startswith("People"))
    assert len(people["Properties"]["ManagedPolicyArns"]) == 1
    (definition,) = _of(stacks["Pipelines"], "AWS::Batch::JobDefinition")
    assert definition["JobDefinitionName"] == "lab-nextflow"
    (template,) = _of(stacks["Pipelines"], "AWS::EC2::LaunchTemplate")
    for device in template["LaunchTemplateData"]["BlockDeviceMappings"]:
        assert device["Ebs"]["KmsKeyId"]


@pytest.mark.types
@pytest.mark.timeout(900)
def test_apps_are_checked_against_the_types_of_the_wheel(python: Path, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)),
        *("--config-file", os.devnull, "--cache-dir", str(paths.ROOT / "build" / "mypy-examples")),
    ]
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from nextflow_batch import Scratch\n\nScratch(size_gib='100')\n")

    checks = [
        subprocess.run(
            [*command, str(app)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for app in (*EXAMPLES, wrong)
    ]

    assert len(EXAMPLES) > 1
    assert [check.stdout for check in checks[:-1]] == [
        "Success: no issues found in 1 source file\n" for _ in EXAMPLES
    ]
    assert 'Argument "size_gib" to "Scratch" has incompatible type "str"' in checks[-1].stdout
