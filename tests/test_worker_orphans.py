"""What a worker that died left behind is deleted by the next one, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nextflow_worker.growth.orphans import ORPHAN_SECONDS
from tests.emulated_ec2 import refusal
from tests.scratch_world import World

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def world_with_an_orphan(root: Path) -> World:
    """An instance beside which another one died while its volume was being made."""
    world = World(root)
    world.ec2.refuse["AttachVolume"] = world.ec2.refuse["DeleteVolume"] = refusal("Unavailable")
    world.grow()
    world.ec2.refuse.clear()
    world.machine.watch = None
    return world


def test_what_nobody_has_attached_for_an_hour_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_with_an_orphan(tmp_path)
    (orphan,) = world.ec2.added
    world.machine.pause(ORPHAN_SECONDS)

    world.watch.sweep()

    assert orphan.deleted
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"event": "scratch orphan deleted", "volume": orphan.id, "size_gib": orphan.size}


def test_what_is_being_made_or_used_stays(tmp_path: Path) -> None:
    world = world_with_an_orphan(tmp_path)
    made = world.ec2.added[-1]

    world.watch.sweep()
    assert not made.deleted, "another worker may be about to attach it"

    made.name = "/dev/xvdca"
    world.machine.pause(ORPHAN_SECONDS)
    world.watch.sweep()
    assert not made.deleted


def test_a_refusal_is_said_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_with_an_orphan(tmp_path)
    world.machine.pause(ORPHAN_SECONDS)
    for operation, event in [
        ("DeleteVolume", "scratch orphan not deleted"),
        ("DescribeVolumes", "scratch orphans not looked for"),
    ]:
        world.ec2.refuse[operation] = refusal("UnauthorizedOperation")
        world.watch.sweep()

        assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == event
