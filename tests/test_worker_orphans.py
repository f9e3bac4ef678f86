"""What a worker that died left behind is deleted by the next one, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nextflow_worker.growth.orphans import ORPHAN_SECONDS
from testbed.emulated_ec2 import refusal
from testbed.scratch import Testbed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def testbed_with_an_orphan(root: Path) -> Testbed:
    """An instance beside which another one died while its volume was being made."""
    testbed = Testbed(root)
    testbed.ec2.refuse["AttachVolume"] = testbed.ec2.refuse["DeleteVolume"] = refusal("Unavailable")
    testbed.grow()
    testbed.ec2.refuse.clear()
    testbed.machine.watch = None
    return testbed


def test_what_nobody_has_attached_for_an_hour_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed = testbed_with_an_orphan(tmp_path)
    (orphan,) = testbed.ec2.added
    testbed.machine.pause(ORPHAN_SECONDS)

    testbed.watch.sweep()

    assert orphan.deleted
    event = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert event == {
        "event": "scratch orphan deleted",
        "volume": orphan.id,
        "size_gib": orphan.size,
    }


def test_what_is_being_made_or_used_stays(tmp_path: Path) -> None:
    testbed = testbed_with_an_orphan(tmp_path)
    made = testbed.ec2.added[-1]

    testbed.watch.sweep()
    assert not made.deleted, "another worker may be about to attach it"

    made.name = "/dev/xvdca"
    testbed.machine.pause(ORPHAN_SECONDS)
    testbed.watch.sweep()
    assert not made.deleted


def test_a_refusal_is_said_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed = testbed_with_an_orphan(tmp_path)
    testbed.machine.pause(ORPHAN_SECONDS)
    for operation, event in [
        ("DeleteVolume", "scratch orphan not deleted"),
        ("DescribeVolumes", "scratch orphan search failed"),
    ]:
        testbed.ec2.refuse[operation] = refusal("UnauthorizedOperation")
        testbed.watch.sweep()

        assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == event
