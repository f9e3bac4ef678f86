"""`make deploy`, with the real cdk CLI: it stops before it holds jobs, and goes on if told to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from local_aws.cdk import Cdk, variables
from stacks import paths
from tests.support.batch import Gate
from tests.support.local_aws import local_testbed
from tests.support.settings_changes import BASE
from tests.support.transitions import BASE_CHANGE, Deployer

if TYPE_CHECKING:
    from pathlib import Path

    from local_aws.server import LocalAws

pytestmark = [pytest.mark.e2e, pytest.mark.transitions, pytest.mark.timeout(1800)]


def _app(folder: Path) -> Path:
    """A copy of the app with settings of its own."""
    for name in ("app.py", "cdk.json", "stacks", "settings", "docker", "assets"):
        source = paths.ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "build").symlink_to(paths.ROOT / "build")
    return folder


def _gateways(aws: LocalAws) -> set[str]:
    """The states of the NAT gateways."""
    found = aws.client("ec2").describe_nat_gateways()["NatGateways"]
    return {gateway["State"] for gateway in found}


def test_a_deploy_stops_while_jobs_run_that_it_would_hold_and_goes_on_if_told_to(
    tmp_path: Path,
) -> None:
    app = _app(tmp_path)
    with local_testbed(tmp_path / "aws") as aws:
        Cdk(aws, app).bootstrap()
        environment = {
            **aws.environment(),
            **variables(aws),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(app), str(paths.ROOT / "constructs")]),
        }

        def run(*command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, cwd=app, env=environment, capture_output=True, text=True, check=False
            )

        def deploy(egress: str, *options: str) -> subprocess.CompletedProcess[str]:
            settings = {**BASE, "network": {"egress": egress, "zones": 3}}
            (app / "settings" / "lab.yaml").write_text(json.dumps(settings))
            synth = run("cdk", "synth", "--quiet", "-c", "settings=lab", "--output", "assembly")
            assert synth.returncode == 0, synth.stderr
            return run(sys.executable, "-m", "stacks.deploy", "assembly", *options)

        first = deploy("nat")
        assert first.returncode == 0, first.stderr
        deployer = Deployer(aws)
        gate = Gate()
        job = deployer.submit(BASE_CHANGE, gate.script)
        deployer.wait(job, "RUNNING")
        stopped = deploy("public")
        assert stopped.returncode == 3
        assert "1 job runs on compute environment spot: this update waits" in stopped.stderr
        assert _gateways(aws) == {"available"}
        Timer(20, gate.open).start()  # while the deploy waits
        done = deploy("public", "--go-on")

        assert done.returncode == 0, done.stdout + done.stderr
        assert deployer.wait(job) == "SUCCEEDED"
        assert _gateways(aws) <= {"deleted"}
