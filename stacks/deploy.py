"""Deploys synthesized stacks, in the order that works, after saying what it does to jobs.

    python -m stacks.deploy ASSEMBLY [--go-on] [--plan]

It stops before anything is touched if the change cannot be done, or if jobs run that it would hold
or end. `--go-on` deploys although jobs run; `--plan` only says what would happen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from stacks.transition import plan as planning
from stacks.transition import states
from stacks.transition.account import Account
from stacks.transition.template import StackTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.transition.effects import Effect
    from stacks.transition.plan import Plan

_REFUSED = 2
_STOPPED = 3


class AssemblyError(ValueError):
    """A folder is not what `cdk synth` writes."""


def read_assembly(folder: Path) -> tuple[list[StackTemplate], str]:
    """The stacks of a synthesized app, each after those that it uses, and their region.

    Raises:
        AssemblyError: The folder has no synthesized app.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except OSError as error:
        text = (
            f"ASSEMBLY {folder} is not allowed: must be what `cdk synth --output` wrote ({error})"
        )
        raise AssemblyError(text) from error
    stacks = {
        name: artifact
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    order: list[str] = []

    def add(name: str) -> None:
        for needed in stacks[name].get("dependencies", []):
            if needed in stacks:
                add(needed)
        if name not in order:
            order.append(name)

    for name in sorted(stacks):
        add(name)
    templates = [
        StackTemplate(
            name,
            json.loads((folder / stacks[name]["properties"]["templateFile"]).read_text("utf-8")),
        )
        for name in order
    ]
    return templates, str(stacks[order[0]]["environment"]).rpartition("/")[2]


def sentences(effects: Sequence[Effect], running: Mapping[str, int]) -> list[str]:
    """What an update does to the jobs that run."""
    found = []
    for effect in effects:
        count = running.get(effect.physical_id, 0)
        if not count:
            continue
        jobs = f"{count} job{'s run' if count > 1 else ' runs'} on {effect.kind} {effect.name}"
        found.append(
            f"{jobs}: this update waits for them, up to {effect.minutes} minutes, then Batch"
            " terminates them"
            if effect.action == "waits"
            else f"{jobs}, which is removed or replaced; running jobs are terminated"
        )
    return found


def _shown(plan: Plan) -> list[str]:
    verbs = {"waits": "its workers are replaced", "ends": "is removed or replaced"}
    return [
        *(f"{effect.kind} {effect.name}: {verbs[effect.action]}" for effect in plan.effects),
        *(
            f"{step.stack}: is destroyed, because the settings do not have it any more"
            for step in plan.steps
            if step.action == "destroy"
        ),
    ]


def _carry_out(plan: Plan, assembly: Path, account: Account) -> int:
    asked = [] if sys.stdin.isatty() else ["--require-approval=never"]
    for step in plan.steps:
        if step.action == "destroy":
            print(f"{step.stack}: destroying...", flush=True)
            try:
                account.destroy(step.stack)
            except (BotoCoreError, ClientError) as error:
                _say(f"{step.stack} was not destroyed: {error}")
                return 1
            continue
        command = ["cdk", "deploy", step.stack, "--exclusively", "--app", str(assembly), *asked]
        if status := subprocess.run(command, check=False).returncode:
            return status
    return 0


def main() -> int:
    """Plan and deploy; returns the exit status: 3 if it stopped because of jobs that run."""
    parser = argparse.ArgumentParser(prog="python -m stacks.deploy", description=__doc__)
    parser.add_argument("assembly", type=Path, help="the folder that `cdk synth` wrote")
    parser.add_argument("--go-on", action="store_true", help="deploy although jobs run")
    parser.add_argument("--plan", action="store_true", help="only say what would happen")
    options = parser.parse_args()
    try:
        return _deploy(options.assembly, go_on=options.go_on, only_plan=options.plan)
    except AssemblyError as error:
        _say(str(error))
    except (BotoCoreError, ClientError) as error:
        _say(f"What is deployed cannot be read, so nothing was changed: {error}")
    return _REFUSED


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _deploy(assembly: Path, *, go_on: bool, only_plan: bool) -> int:
    declared, region = read_assembly(assembly)
    session = boto3.session.Session(region_name=region)
    account = Account(session.client)  # type: ignore[arg-type]
    names = [stack.name for stack in declared]
    if broken := list(states.refusals(account.settled(names, _say))):
        _say("\n".join(broken))
        return _REFUSED
    deployed = account.deployed(names)
    plan = planning.make(declared, deployed)
    if refusals := [*plan.refusals, *account.taken_names(declared, deployed)]:
        _say("\n".join(refusals))
        return _REFUSED
    for line in _shown(plan):
        print(line)
    stopping = sentences(plan.effects, account.running_jobs(plan.effects))
    for line in stopping:
        _say(line)
    if only_plan:
        return 0
    if stopping and not go_on:
        _say("Nothing was changed. To deploy now: make deploy GO_ON=1")
        return _STOPPED
    return _carry_out(plan, assembly, account)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
