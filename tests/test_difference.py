"""What a deploy would change, as `make diff` shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stacks import difference, paths
from testbed.synthesized import changed, of

SMALL = """\
Stack lab-data
Resources
[~] AWS::S3::Bucket Bucket BucketA
 └─ [~] Tags
     └─ @@ -1,5 +1,9 @@
        [ ] [
        [ ]   {
        [-]     "Key": "old",
        [+]     "Key": "team",
        [ ]     "Value": "x"
        [ ]   }
[~] AWS::Batch::JobQueue Queue QueueB replace
 └─ [~] Tags (requires replacement)
     └─ [+] Added: .team
[~] AWS::IAM::Role Role RoleC
 ├─ [~] Description
 │   ├─ [-] a
 │   └─ [+] b
 └─ [~] Tags
     └─ @@ -1,5 +1,5 @@
        [ ]     "Key": "site",
        [-]     "Value": "here",
        [+]     "Value": "there",

Stack lab-network
There were no differences
"""


def test_a_tag_is_one_line_and_what_else_changes_stays() -> None:
    assert difference.readable(SMALL).splitlines() == [
        "Stack lab-data",
        "Resources",
        "[~] AWS::IAM::Role Role RoleC",
        " └─ [~] Description",
        "     ├─ [-] a",
        "     └─ [+] b",
        "",
        "Stack lab-network",
        "There were no differences",
        "Tags",
        "[+] team = x: 2 resources",
        "[-] old = x: 1 resource",
        "[~] site = here -> there: 1 resource",
        "    cdk would replace AWS::Batch::JobQueue Queue QueueB",
    ]


def test_what_is_not_understood_stays_as_it_is() -> None:
    text = "Stack a\n[~] AWS::X::Y Z\n └─ [~] Tags\n     └─ some day another form\nerror: no\n"

    assert difference.readable(text) == text


def test_a_replacement_for_another_reason_is_still_said() -> None:
    text = (
        "[~] AWS::Batch::JobQueue Queue QueueB replace\n"
        " ├─ [~] JobQueueName (requires replacement)\n"
        " │   ├─ [-] a\n"
        " │   └─ [+] b\n"
        " └─ [~] Tags (requires replacement)\n"
        "     └─ [+] Added: .team\n"
    )

    shown = difference.readable(text).splitlines()

    assert shown[0] == "[~] AWS::Batch::JobQueue Queue QueueB replace"
    assert shown[1] == " └─ [~] JobQueueName (requires replacement)"


@pytest.mark.e2e
def test_a_changed_value_of_the_worker_is_one_line_of_its_script(tmp_path: Path) -> None:
    before = of(changed("workshop")).directory
    after = of(changed("workshop", tags={"team": "x"}, scratch={"freeze_seconds": 60})).directory

    run = subprocess.run(
        [
            *(sys.executable, "-m", "stacks.difference", "--app", str(after)),
            *("nextflow-workshop-batch", "--exclusively", "--template"),
            str(before / "nextflow-workshop-batch.template.json"),
        ],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    values = ("freeze_seconds", "volume_tags", '"team": "x"')
    lines = [line.strip() for line in run.stdout.splitlines()]
    assert [line for line in lines if any(value in line for value in values)] == [
        '[-]     "freeze_seconds": 300',
        '[+]     "freeze_seconds": 60',
        '[-]   "volume_tags": {}',
        '[+]   "volume_tags": {',
        '[+]     "team": "x"',
    ]
    assert run.stdout.count("team = x") == 1


def test_resources_that_are_new_or_go_are_shown() -> None:
    shown = """\
Stack lab
Resources
[-] AWS::S3::Bucket Old Old destroy
[+] AWS::Logs::LogGroup New New
"""
    assert difference.readable(shown) == shown
