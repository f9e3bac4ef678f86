"""Another CDK app installs the library's wheel and writes three lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from stacks import paths

if TYPE_CHECKING:
    from pathlib import Path

_APP = """\
from aws_cdk import App, Stack
from nextflow_batch import NextflowBatch

app = App()
stack = Stack(app, "Genomics")
NextflowBatch(stack, "NextflowBatch")
app.synth()
"""


def test_another_app_deploys_the_whole_in_three_lines(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "app.py").write_text(_APP)

    run = subprocess.run(
        [sys.executable, str(tmp_path / "app.py")],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path / "installed"),
            "CDK_OUTDIR": str(tmp_path / "out"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    for program in ("aws_client/*/aws-client", "task_s3/*/aws"):
        clients = sorted((tmp_path / "out").glob(f"asset.*/{program}"))
        assert [client.parent.name for client in clients] == ["aarch64", "x86_64"]
    template = json.loads((tmp_path / "out" / "Genomics.template.json").read_text())
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert kinds.count("AWS::Batch::JobQueue") == 2
    assert kinds.count("AWS::Batch::JobDefinition") == 1
    assert kinds.count("AWS::EC2::VPC") == 1
    assert '"NF_MAX_CPUS"' in json.dumps(template)  # the table of instance types came along
