"""`make deploy`, with the real cdk CLI: when jobs run, and when an earlier one was interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.cdk import Cdk, variables
from local_aws.cloudformation.engine import Engine
from stacks import paths
from tests.support.batch import Gate
from tests.support.local_aws import local_testbed
from tests.support.settings_changes import BASE
from tests.support.transitions import BASE_CHANGE, Deployer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_aws.cloudformation.engine import Rest
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


class _Checkout:
    """A checkout with settings of its own, from which `make deploy`'s programs run."""

    def __init__(self, folder: Path, aws: LocalAws) -> None:
        self._folder = _app(folder)
        self._environment = {
            **aws.environment(),
            **variables(aws),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(folder), str(paths.ROOT / "constructs")]),
        }
        Cdk(aws, folder).bootstrap()

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program, in a process group of its own."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def deploy(self, egress: str, *options: str) -> subprocess.Popen[str]:
        """Start what `make deploy` does."""
        settings = {**BASE, "network": {"egress": egress, "zones": 3}}
        (self._folder / "settings" / "lab.yaml").write_text(json.dumps(settings))
        synth = self.start("cdk", "synth", "-q", "-c", "settings=lab", "--output", "assembly")
        problem = synth.communicate()[1]
        assert synth.returncode == 0, problem
        return self.start(sys.executable, "-m", "stacks.deploy", "assembly", *options)


def _gateways(aws: LocalAws) -> set[str]:
    """The states of the NAT gateways."""
    found = aws.client("ec2").describe_nat_gateways()["NatGateways"]
    return {gateway["State"] for gateway in found}


def test_a_deploy_stops_while_jobs_run_that_it_would_hold_and_goes_on_if_told_to(
    tmp_path: Path,
) -> None:
    with local_testbed(tmp_path / "aws") as aws:
        checkout = _Checkout(tmp_path, aws)
        first = checkout.deploy("nat")
        _, problem = first.communicate()
        assert first.returncode == 0, problem
        deployer = Deployer(aws)
        gate = Gate()
        job = deployer.submit(BASE_CHANGE, gate.script)
        deployer.wait(job, "RUNNING")
        stopped = checkout.deploy("public")
        _, said = stopped.communicate()
        assert stopped.returncode == 3
        assert "1 job runs on compute environment spot: this update waits" in said
        assert _gateways(aws) == {"available"}
        Timer(20, gate.open).start()  # while the deploy waits
        done = checkout.deploy("public", "--go-on")
        _, problem = done.communicate()

        assert done.returncode == 0, problem
        assert deployer.wait(job) == "SUCCEEDED"
        assert _gateways(aws) <= {"deleted"}


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
def test_a_deploy_that_was_killed_half_way_is_continued_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    batch, gate = "nextflow-lab-batch", Event()
    monkeypatch.setattr(Engine, "create", _held(Engine.create, batch, gate))
    monkeypatch.setattr(Engine, "update", _held(Engine.update, batch, gate))
    with local_testbed(tmp_path / "aws") as aws:
        checkout = _Checkout(tmp_path, aws)
        if status == "UPDATE_IN_PROGRESS":
            gate.set()
            first = checkout.deploy("nat")
            assert (first.communicate(), first.returncode)[1] == 0
            gate.clear()
        killed = checkout.deploy("public")
        while _status(aws, batch) != status:
            assert killed.poll() is None
            time.sleep(0.1)
        _kill(killed)
        following = checkout.deploy("public")
        assert following.stderr is not None
        assert following.stderr.readline() == f"{batch}: is {status}, by an earlier deploy; " + (
            "waiting for it\n"
        )
        gate.set()
        _, problem = following.communicate()

        assert following.returncode == 0, problem
        deployer = Deployer(aws)
        assert deployer.wait(deployer.submit(BASE_CHANGE, "true")) == "SUCCEEDED"
        assert _status(aws, "nextflow-lab-operations") == "CREATE_COMPLETE"


def _kill(program: subprocess.Popen[str]) -> None:
    """Kill a program and what it has started, and wait until the last of them is gone."""
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()
    with suppress(ProcessLookupError):
        while True:
            os.killpg(program.pid, 0)
            time.sleep(0.1)


def _held(operation: Callable[..., Rest], stack: str, gate: Event) -> Callable[..., Rest]:
    """An operation of CloudFormation that goes on for one stack only when the gate is open."""

    def begin(engine: Engine, to_change: Any, *rest: Any, **options: Any) -> Rest:
        go_on = operation(engine, to_change, *rest, **options)

        def work() -> None:
            if to_change.name == stack:
                gate.wait()
            go_on()

        return work

    return begin


def _status(aws: LocalAws, name: str) -> str:
    try:
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return ""
    return str(stack["StackStatus"])
