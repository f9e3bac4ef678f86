"""The whole app: what a reviewer reads, and what the checkers say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from stacks import paths
from testbed.resources import text
from testbed.synthesized import synthesize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation


SETTINGS = sorted(file.stem for file in paths.SETTINGS.glob("*.yaml"))
STACKS = [
    (name, stack)
    for name in SETTINGS
    for stack in ("data", "batch", "operations")
    if stack != "operations" or name == "default"
]


def _masked(template: Mapping[str, Any]) -> Any:
    """The template without what each change of a program changes."""
    document = re.sub(r"\b[0-9a-f]{64}\b", "ASSET", json.dumps(template))
    return json.loads(document)


def _lines(user_data: object) -> list[str]:
    """User data as lines, with the scripts' names for the scripts, which have tests of their own."""
    lines = text(user_data)
    for script in ("boothook.sh", "boot.sh"):
        body = (paths.WORKER / script).read_text("ascii")
        assert body in lines
        lines = lines.replace(body, f"<{script}>\n")
    return lines.splitlines()


class TemplateSnapshot(JSONSnapshotExtension):
    """One file for each template: tests/snapshots/SETTINGS/STACK.json."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(paths.ROOT / "tests" / "snapshots" / cls._parameter(test_location, "name"))

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: int | str) -> str:
        return cls._parameter(test_location, "stack")

    @classmethod
    def matches_test_location(
        cls, *, test_location: PyTestLocation, snapshot_location: str
    ) -> bool:
        return snapshot_location == cls.get_location(test_location=test_location, index=0)

    @staticmethod
    def _parameter(test_location: PyTestLocation, name: str) -> str:
        return str(test_location.item.callspec.params[name])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "stack"), STACKS)
def test_a_changed_template_is_reviewed(name: str, stack: str, snapshot: SnapshotAssertion) -> None:
    template = synthesize(name)[stack].to_json()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::EC2::LaunchTemplate":
            data = resource["Properties"]["LaunchTemplateData"]
            data["UserData"] = _lines(data["UserData"])

    assert _masked(template) == snapshot(extension_class=TemplateSnapshot)


@pytest.mark.parametrize("name", SETTINGS)
def test_cfn_lint_finds_nothing(name: str, tmp_path: Path) -> None:
    files = []
    for stack, template in synthesize(name).items():
        file = tmp_path / f"{stack}.template.json"
        file.write_text(json.dumps(template.to_json()))
        files.append(str(file))

    # W3005: the CDK makes a function depend on its role, which it names already.
    lint = subprocess.run(
        ["cfn-lint", "--ignore-checks", "W3005", "--regions", "us-west-2", "--", *files],
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.stdout + lint.stderr == ""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (name, f"settings: '{name}' is not allowed: must be one of {', '.join(SETTINGS)}")
        for name in ("mars", "", "../default", "default.yaml", 3)
    ],
)
def test_bad_settings_end_the_app_with_one_line_and_status_2(
    name: object, line: str, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=paths.ROOT,
        env={
            "CDK_CONTEXT_JSON": json.dumps({"settings": name}),
            "CDK_OUTDIR": str(tmp_path),
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (2, line + "\n")
    assert list(tmp_path.iterdir()) == []
