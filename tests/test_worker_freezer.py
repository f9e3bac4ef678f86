"""Tasks stand still rather than meet a full disk, and an instance that cannot grow takes no more."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_worker.error import WorkerError
from nextflow_worker.host import Host
from nextflow_worker.service import ServiceError
from nextflow_worker.watch import task_cgroups
from nextflow_worker.watch.container_instance import RETRY_SECONDS
from nextflow_worker.watch.task_cgroups import Tasks
from tests.emulated_ec2 import refusal
from tests.scratch_world import FREEZE, World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, size_gib=50, ebs=False)
    made.start(freeze_seconds=300)
    return made


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("rate", [5, 10, 20])
@pytest.mark.parametrize("seconds", [4, 15])
def test_no_rate_fills_the_disk(tmp_path: Path, rate: int, seconds: int) -> None:
    world = World(tmp_path, size_gib=50, ebs=False, create_seconds=seconds, attach_seconds=seconds)
    world.start(freeze_seconds=300)
    world.machine.rate_gib, world.machine.limit_gib = rate, 1000
    world.run(400)
    assert world.machine.used_gib == 1000
    assert world.machine.full_seconds == 0
    assert world.machine.least_free > 0.5
    assert not world.machine.stopped


def test_a_standstill_is_told_with_its_reason_and_its_length(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.machine.rate_gib, world.machine.limit_gib = 20, 200
    world.run(60)
    frozen, thawed = (
        event for event in _events(capsys) if event["event"] in {"scratch frozen", "scratch thawed"}
    )
    assert frozen["free_gib"] <= frozen["reserve_gib"] < 10
    assert thawed["reason"] == "there is space again"
    assert thawed["after_s"] == pytest.approx(world.machine.frozen_seconds, abs=0.2)


def test_a_standstill_is_bounded_and_not_repeated_until_there_was_a_growth(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ec2.throttled_until = float("inf")
    world.start(freeze_seconds=60)
    world.machine.rate_gib = 20
    world.run(600)
    assert world.machine.frozen_seconds == pytest.approx(60, abs=0.5)
    assert not world.machine.stopped
    thawed = [event for event in _events(capsys) if event["event"] == "scratch thawed"]
    assert [event["reason"] for event in thawed] == ["no space came in 60 s"]
    world.machine.rate_gib, world.ec2.throttled_until = 0, 0
    world.run(120)
    assert world.machine.in_volume > 50
    world.machine.rate_gib, world.ec2.throttled_until = 20, float("inf")
    world.run(30)
    assert world.machine.stopped


def test_a_setting_of_0_never_stops_tasks(world: World) -> None:
    world.start(freeze_seconds=0)
    world.machine.rate_gib = 20
    world.run(10)
    assert world.machine.frozen_seconds == 0


def test_what_lies_in_memory_counts_for_the_guard(world: World) -> None:
    world.machine.used_gib = 45
    world.start()
    world.machine.pause(1)
    assert not world.machine.stopped
    world.machine.dirty_gib = 4
    world.machine.pause(1)
    assert world.machine.stopped


def test_the_next_daemon_lets_tasks_go_on(world: World) -> None:
    world.ec2.throttled_until = float("inf")
    world.machine.rate_gib = 20
    world.run(10)
    assert world.machine.stopped
    world.machine.used_gib = 0
    world.start()
    assert not world.machine.stopped


#: The daemon with its threads, on a machine whose time runs a hundred times as fast as ours.
_DAEMON = """
import sys, time
from pathlib import Path
from tests.scratch_world import World, WritingMachine

class FastMachine(WritingMachine):
    clock = property(lambda self: 100 * time.monotonic(), lambda self, value: None)

    def pause(self, seconds):
        time.sleep(seconds / 100)
        if self.ec2:
            self.ec2.appear()

    def space(self, absolute):
        if not self.stopped:
            self.used_gib = min(self.used_gib + self.rate_gib * 0.05, self.in_volume)
        return super().space(absolute)

world = World(Path(sys.argv[1]), size_gib=50, ebs=False, machine=FastMachine)
world.start(freeze_seconds=3600)
world.machine.rate_gib = 8
world.watch.run()
"""


def test_a_daemon_grows_beside_its_looks_and_lets_tasks_go_on_when_it_ends(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", _DAEMON, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'assets/worker'}"},
    ) as daemon:
        try:
            assert daemon.stdout
            wanted = {"scratch frozen", "scratch thawed", "scratch grown"}
            while wanted:
                wanted.discard(json.loads(daemon.stdout.readline())["event"])
            (tmp_path / FREEZE.lstrip("/")).write_text("1")
            daemon.terminate()
            assert daemon.wait(60) == 0
        finally:
            daemon.kill()
    assert (tmp_path / FREEZE.lstrip("/")).read_text() == "0"


def test_without_tasks_nothing_is_frozen_and_that_is_said_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.watch.freezer._tasks = Tasks(Host(world.machine.root / "nowhere"))
    world.machine.rate_gib, world.machine.limit_gib = 20, 49.5
    world.run(30)
    said = [event for event in _events(capsys) if event["event"] == "scratch not frozen"]
    assert [event["reason"] for event in said] == ["there is no control group of ECS tasks"]


def test_where_nothing_can_grow_any_more_tasks_run_and_no_further_one_comes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.start(max_size_gib=80, freeze_seconds=300)
    world.machine.rate_gib, world.machine.limit_gib = 1, 79.9
    world.run(300)
    assert not world.machine.stopped
    assert world.ecs.states == ["DRAINING"]
    (full,) = [event for event in _events(capsys) if event["event"] == "scratch full"]
    assert full["reason"] == "scratch has 80 GiB, its ceiling is 80"
    # The next daemon knows whose doing it was.
    world.start()
    world.machine.used_gib = 39
    world.machine.limit_gib = 0
    world.run(120)
    assert world.ecs.states == ["DRAINING", "ACTIVE"]
    world.run(120)
    assert world.ecs.states == ["DRAINING", "ACTIVE"]


def test_draining_is_tried_again_and_what_is_wrong_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.start(max_size_gib=50, freeze_seconds=0)
    world.ecs.refuse = ServiceError("no", "AccessDeniedException", 400)
    world.machine.used_gib = 49
    world.run(RETRY_SECONDS - 1)
    world.ecs.refuse = None
    world._agent.rename(world._agent.with_suffix(".gone"))
    world.run(RETRY_SECONDS)
    world._agent.with_suffix(".gone").rename(world._agent)
    world.run(RETRY_SECONDS)
    assert world.ecs.states == ["DRAINING"]
    reasons = [
        event["reason"] for event in _events(capsys) if event["event"].endswith("not drained")
    ]
    assert "AccessDeniedException" in reasons[0]
    assert reasons[1].startswith("the ECS agent does not say who it is: ")
    assert len(reasons) == 2


def test_only_a_failure_that_lasts_keeps_tasks_away(world: World) -> None:
    world.ec2.refuse = {"CreateVolume": refusal("VolumeLimitExceeded")}
    world.machine.used_gib = 46
    # The disk is the instance's own, so no volume can be enlarged.
    world.run(40)
    assert world.ecs.states == []
    world.run(300)
    assert world.ecs.states == ["DRAINING"]
    assert "VolumeLimitExceeded" in world.watch.controller.blocked
    world.ec2.refuse = {}
    world.run(700)
    assert world.machine.in_volume > 50
    assert world.watch.controller.blocked == ""


def _freezer() -> tuple[Path, task_cgroups._Switch] | None:
    v1, v2 = Path("/sys/fs/cgroup/freezer"), Path("/sys/fs/cgroup/unified")
    for root, name, frozen, thawed in [
        (v1, "freezer.state", "FROZEN", "THAWED"),
        (v2, "cgroup.freeze", "1", "0"),
        (Path("/sys/fs/cgroup"), "cgroup.freeze", "1", "0"),
    ]:
        group = root / f"nfb-test-{secrets.token_hex(4)}"
        with suppress(OSError):
            group.mkdir()
            if (group / name).exists():
                return group, task_cgroups._Switch(str(group / name), frozen, thawed)
            group.rmdir()
    return None


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a real control group that stands in for that of ECS tasks."""
    found = _freezer() if os.geteuid() == 0 else None
    if found is None:
        pytest.skip("making a control group that can be frozen needs root and cgroups to write to")
    group, made = found
    monkeypatch.setattr(task_cgroups, "_SWITCHES", (made,))
    yield group
    group.rmdir()


def test_a_real_process_writes_nothing_while_it_is_frozen(switch: Path, tmp_path: Path) -> None:
    file = tmp_path / "written"
    code = "import sys, time\nwhile True:\n print('x', flush=True)\n time.sleep(0.005)"
    with file.open("w") as output:
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=output)
    try:
        (switch / "cgroup.procs").write_text(str(writer.pid))
        _until(lambda: file.stat().st_size > 10)
        real = Tasks(Host())
        real.freeze()
        _until(lambda: (switch / "freezer.state").read_text() == "FROZEN\n", missing=True)
        before = file.stat().st_size
        time.sleep(0.1)
        assert file.stat().st_size == before
        real.thaw()
        _until(lambda: file.stat().st_size > before + 10)
    finally:
        Tasks(Host()).thaw()
        writer.kill()
        writer.wait()


def _until(true: Any, *, missing: bool = False) -> None:
    for _ in range(1000):
        try:
            if true():
                return
        except FileNotFoundError:
            if missing:
                time.sleep(0.2)
                return
        time.sleep(0.01)
    pytest.fail("it did not happen within 10 s")


def test_a_kernel_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / FREEZE.lstrip("/")).mkdir(parents=True)
    with pytest.raises(WorkerError, match=r"cgroup\.freeze: Is a directory"):
        Tasks(Host(tmp_path)).freeze()
