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
from testbed.emulated_ec2 import refusal
from testbed.scratch import FREEZE, Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def testbed(tmp_path: Path) -> Testbed:
    made = Testbed(tmp_path, size_gib=50, ebs=False)
    made.start(freeze_seconds=300)
    return made


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("rate", [5, 10, 20])
@pytest.mark.parametrize("seconds", [4, 15])
def test_no_rate_fills_the_disk(tmp_path: Path, rate: int, seconds: int) -> None:
    testbed = Testbed(
        tmp_path, size_gib=50, ebs=False, create_seconds=seconds, attach_seconds=seconds
    )
    testbed.start(freeze_seconds=300)
    testbed.machine.rate_gib, testbed.machine.limit_gib = rate, 1000
    testbed.run(400)
    assert testbed.machine.used_gib == 1000
    assert testbed.machine.full_seconds == 0
    assert testbed.machine.least_free > 0.5
    assert not testbed.machine.stopped


def test_a_standstill_is_told_with_its_reason_and_its_length(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.machine.rate_gib, testbed.machine.limit_gib = 20, 200
    testbed.run(60)
    frozen, thawed = (
        event for event in _events(capsys) if event["event"] in {"scratch frozen", "scratch thawed"}
    )
    assert frozen["free_gib"] <= frozen["reserve_gib"] < 10
    assert thawed["reason"] == "there is space again"
    assert thawed["after_s"] == pytest.approx(testbed.machine.frozen_seconds, abs=0.2)


def test_a_standstill_is_bounded_and_not_repeated_until_there_was_a_growth(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.ec2.throttled_until = float("inf")
    testbed.start(freeze_seconds=60)
    testbed.machine.rate_gib = 20
    testbed.run(600)
    assert testbed.machine.frozen_seconds == pytest.approx(60, abs=0.5)
    assert not testbed.machine.stopped
    thawed = [event for event in _events(capsys) if event["event"] == "scratch thawed"]
    assert [event["reason"] for event in thawed] == ["no space was added in 60 s"]
    testbed.machine.rate_gib, testbed.ec2.throttled_until = 0, 0
    testbed.run(120)
    assert testbed.machine.in_volume > 50
    testbed.machine.rate_gib, testbed.ec2.throttled_until = 20, float("inf")
    testbed.run(30)
    assert testbed.machine.stopped


def test_a_setting_of_0_never_stops_tasks(testbed: Testbed) -> None:
    testbed.start(freeze_seconds=0)
    testbed.machine.rate_gib = 20
    testbed.run(10)
    assert testbed.machine.frozen_seconds == 0


def test_what_lies_in_memory_counts_for_the_guard(testbed: Testbed) -> None:
    testbed.machine.used_gib = 45
    testbed.start()
    testbed.machine.pause(1)
    assert not testbed.machine.stopped
    testbed.machine.dirty_gib = 4
    testbed.machine.pause(1)
    assert testbed.machine.stopped


def test_the_next_daemon_lets_tasks_go_on(testbed: Testbed) -> None:
    testbed.ec2.throttled_until = float("inf")
    testbed.machine.rate_gib = 20
    testbed.run(10)
    assert testbed.machine.stopped
    testbed.machine.used_gib = 0
    testbed.start()
    assert not testbed.machine.stopped


#: The daemon with its threads, on a machine whose time runs a hundred times as fast as ours.
_DAEMON = """
import sys, time
from pathlib import Path
from testbed.scratch import Testbed, WritingMachine

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

testbed = Testbed(Path(sys.argv[1]), size_gib=50, ebs=False, machine=FastMachine)
testbed.start(freeze_seconds=3600)
testbed.machine.rate_gib = 8
testbed.watch.run()
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
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.watch.freezer._tasks = Tasks(Host(testbed.machine.root / "nowhere"))
    testbed.machine.rate_gib, testbed.machine.limit_gib = 20, 49.5
    testbed.run(30)
    events = [event for event in _events(capsys) if event["event"] == "scratch not frozen"]
    assert [event["reason"] for event in events] == ["there is no control group of ECS tasks"]


def test_where_nothing_can_grow_any_more_tasks_run_and_no_further_one_comes(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.start(max_size_gib=80, freeze_seconds=300)
    testbed.machine.rate_gib, testbed.machine.limit_gib = 1, 79.9
    testbed.run(300)
    assert not testbed.machine.stopped
    assert testbed.ecs.states == ["DRAINING"]
    (full,) = [event for event in _events(capsys) if event["event"] == "scratch full"]
    assert full["reason"] == "scratch has 80 GiB, its maximum is 80"
    # The next daemon knows whose doing it was.
    testbed.start()
    testbed.machine.used_gib = 39
    testbed.machine.limit_gib = 0
    testbed.run(120)
    assert testbed.ecs.states == ["DRAINING", "ACTIVE"]
    testbed.run(120)
    assert testbed.ecs.states == ["DRAINING", "ACTIVE"]


def test_draining_is_tried_again_and_what_is_wrong_is_said(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.start(max_size_gib=50, freeze_seconds=0)
    testbed.ecs.refuse = ServiceError("no", "AccessDeniedException", 400)
    testbed.machine.used_gib = 49
    testbed.run(RETRY_SECONDS - 1)
    testbed.ecs.refuse = None
    testbed._agent.rename(testbed._agent.with_suffix(".gone"))
    testbed.run(RETRY_SECONDS)
    testbed._agent.with_suffix(".gone").rename(testbed._agent)
    testbed.run(RETRY_SECONDS)
    assert testbed.ecs.states == ["DRAINING"]
    reasons = [
        event["reason"] for event in _events(capsys) if event["event"].endswith("not drained")
    ]
    assert "AccessDeniedException" in reasons[0]
    assert reasons[1].startswith("the ECS agent did not return its container instance: ")
    assert len(reasons) == 2


def test_only_a_failure_that_lasts_keeps_tasks_away(testbed: Testbed) -> None:
    testbed.ec2.refuse = {"CreateVolume": refusal("VolumeLimitExceeded")}
    testbed.machine.used_gib = 46
    # The disk is the instance's own, so no volume can be enlarged.
    testbed.run(40)
    assert testbed.ecs.states == []
    testbed.run(300)
    assert testbed.ecs.states == ["DRAINING"]
    assert "VolumeLimitExceeded" in testbed.watch.controller.blocked
    testbed.ec2.refuse = {}
    testbed.run(700)
    assert testbed.machine.in_volume > 50
    assert testbed.watch.controller.blocked == ""


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
