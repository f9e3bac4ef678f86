"""How scratch grows by EBS volumes, against an emulated EC2 in pretended time."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nextflow_worker import nvme
from nextflow_worker.error import WorkerError
from nextflow_worker.events import Events
from nextflow_worker.growth import growth_log
from nextflow_worker.growth.attachment_limit import AttachmentLimit
from nextflow_worker.growth.ebs_volumes import order
from nextflow_worker.growth.ec2_calls import BURST, RESERVE, CallDeferredError, Ec2Calls
from nextflow_worker.growth.latency import FILE, Latency
from nextflow_worker.growth.volume_growth import GROW_SECONDS
from nextflow_worker.growth.write_rate import WriteRate
from nextflow_worker.remedy import REMEDIES
from testbed.emulated_ec2 import DAY, refusal
from testbed.scratch import Death, Testbed

WORKER = Path(__file__).resolve().parents[1] / "assets" / "worker"
#: All that a growth may change outside the instance.
CHANGES = {"CreateVolume", "AttachVolume", "ModifyInstanceAttribute"}


@pytest.fixture
def testbed(tmp_path: Path) -> Testbed:
    return Testbed(tmp_path)


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_growth_adds_an_encrypted_gp3_volume_that_ends_with_the_instance(testbed: Testbed) -> None:
    testbed.grow()
    (volume,) = testbed.ec2.added
    request = volume.request
    assert request["Encrypted"]
    assert (request["VolumeType"], request["Iops"], request["Throughput"]) == ("gp3", 3000, 250)
    assert request["AvailabilityZone"] == "us-west-2b"
    tags = {tag["Key"]: tag["Value"] for tag in request["TagSpecifications"][0]["Tags"]}
    assert tags["project"] == "genomes"
    assert tags["nextflow-batch:deployment"] == "lab"
    assert tags["nextflow-batch:instance"] == "i-0123"
    assert request["ClientToken"] == tags["nextflow-batch:growth"]
    assert testbed.machine.group == ["/dev/nvme1n1", volume.device]
    assert testbed.machine.in_volume == 100 + volume.size
    assert testbed.growth_log_is_empty
    assert testbed.ec2.left_behind == []


def test_the_volume_that_boot_left_spare_is_taken_before_one_is_ordered(testbed: Testbed) -> None:
    testbed.machine.add_disk("nvme2", "vol0123456789abcdef1")
    testbed.machine._vgextend("nextflow", "/dev/nvme2n1")
    testbed.machine.used_gib = 99
    testbed.run(1)
    assert testbed.machine.in_volume == 200
    assert testbed.ec2.added == []
    testbed.grow()
    assert len(testbed.ec2.added) == 1


def test_a_volume_is_bound_to_the_instance_right_after_attaching(testbed: Testbed) -> None:
    """Upstream left it unbound for 22 s, and needed ten calls (fault a)."""
    testbed.grow()
    attach = testbed.ec2.order.index("AttachVolume")
    assert testbed.ec2.order[attach + 1] == "ModifyInstanceAttribute"
    (volume,) = testbed.ec2.added
    assert volume.bound_at - volume.attached_at < 0.5
    before = testbed.ec2.calls.total()
    for _ in range(8):
        testbed.grow()
    assert len(testbed.ec2.added) == 9
    assert testbed.ec2.calls.total() - before <= 5 * 8


def test_the_daemon_may_die_at_any_moment_and_again_at_any_later_one(tmp_path: Path) -> None:
    """Upstream left a volume for ever when it died after CreateVolume (fault b)."""
    for moments in range(1, 1000):
        testbed = Testbed(tmp_path / str(moments))
        died = testbed.dies(moments)
        if died:
            # The next daemon dies a little further on, the one after it lives.
            testbed.machine.moments = 1 + moments % 7
            with suppress(Death):
                testbed.start()
                testbed.run_until_quiet()
            testbed.machine.moments = 0
            testbed.start()
            testbed.grow()
        where = f"after {moments} moments"
        assert testbed.ec2.left_behind == [], where
        assert all(volume.device in testbed.machine.group for volume in testbed.ec2.added), where
        assert len(set(testbed.machine.group)) == len(testbed.machine.group), where
        assert testbed.growth_log_is_empty, where
        assert testbed.machine.in_volume == 100 + sum(v.size for v in testbed.ec2.added), where
        # One growth for the need, and one more where the first was done before the last need.
        assert 1 <= len(testbed.ec2.added) <= 2, where
        if not died:
            break
    assert moments > 20


def test_the_daemon_may_die_at_any_moment_of_enlarging_too(tmp_path: Path) -> None:
    for moments in range(1, 1000):
        testbed = Testbed(tmp_path / str(moments))
        testbed.start(max_volumes=1)
        died = testbed.dies(moments)
        if died:
            testbed.machine.moments = 1 + moments % 7
            with suppress(Death):
                testbed.start()
                testbed.run_until_quiet()
            testbed.machine.moments = 0
            testbed.start()
            testbed.grow()
        where = f"after {moments} moments"
        (volume,) = testbed.ec2.volumes.values()
        assert testbed.growth_log_is_empty, where
        assert testbed.machine.in_volume == volume.size > 100, where
        assert 1 <= len(volume.modified_at) <= 2, where
        if not died:
            break
    assert moments > 10


@pytest.mark.parametrize("operation", ["ModifyInstanceAttribute", "AttachVolume"])
def test_what_is_always_refused_leaves_nothing_and_is_tried_ever_less(
    testbed: Testbed, operation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Upstream left 450 GB in 92 s (fault c), or made 26 calls a minute for ever (fault e)."""
    testbed.ec2.refuse = {
        operation: refusal("UnauthorizedOperation"),
        "ModifyVolume": refusal("UnauthorizedOperation"),
    }
    testbed.machine.used_gib = 99
    testbed.run(3600, every=1)
    testbed.machine.used_gib = 0
    testbed.machine.pause(60)
    testbed.run_until_quiet()
    assert testbed.ec2.added == []
    assert testbed.growth_log_is_empty
    assert testbed.machine.group == ["/dev/nvme1n1"]
    assert 4 < testbed.ec2.calls["CreateVolume"] < 20
    assert testbed.ec2.calls.total() < 150
    reasons = {
        event["reason"] for event in _events(capsys) if event["event"] == "scratch not grown"
    }
    assert f"{operation}: you may not (UnauthorizedOperation)" in reasons


def test_a_device_that_never_appears_is_given_up(testbed: Testbed) -> None:
    """Upstream waited for it for ever (fault d)."""
    testbed.ec2.devices_appear = False
    testbed.ec2.refuse = {"ModifyVolume": refusal("UnauthorizedOperation")}
    testbed.machine.used_gib = 99
    testbed.run(GROW_SECONDS + 13)
    assert testbed.ec2.added == []
    testbed.ec2.devices_appear = True
    testbed.run(60)
    assert testbed.machine.in_volume > 100


def test_throttling_is_met_with_few_calls(testbed: Testbed) -> None:
    """Upstream made 30 of them in 60 s, and took 88 s (fault f)."""
    testbed.ec2.throttled_until = testbed.machine.clock + 60
    testbed.machine.used_gib = 99
    testbed.run(130)
    assert testbed.ec2.rejected <= 8
    assert testbed.machine.in_volume > 100
    assert testbed.ec2.left_behind == []


def test_calls_keep_to_a_budget_whatever_goes_wrong(testbed: Testbed) -> None:
    testbed.ec2.slow_to_bind = 10**6
    testbed.machine.used_gib = 99
    testbed.run(600)
    assert testbed.ec2.calls.total() < BURST + 600 * 0.5 + 1


def test_at_the_ceiling_nobody_is_called(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Upstream asked EC2 every 3 s for ever (fault g)."""
    testbed.start(max_size_gib=120)
    testbed.grow()
    assert testbed.machine.in_volume == 120
    before = Counter(testbed.ec2.calls)
    testbed.machine.used_gib = 119
    testbed.run(3600, every=1)
    assert testbed.ec2.calls == before
    assert testbed.watch.controller.blocked == "scratch has 120 GiB, its maximum is 120"
    assert len(_events(capsys)) < 5


def test_growth_runs_nothing_but_what_takes_a_second(testbed: Testbed) -> None:
    """Upstream rebalanced btrfs at each growth, for up to 19 s (fault i)."""
    before = len(testbed.machine.commands)
    testbed.grow()
    ran = {command.split()[0] for command in testbed.machine.commands[before:]}
    assert ran == {"pvs", "vgs", "vgextend", "lvextend", "xfs_growfs"}


def test_no_shell_has_a_part_in_it() -> None:
    """Upstream died at once where /bin/sh is not bash (fault j)."""
    unit = (WORKER / "units" / "nextflow-worker-watch.service").read_text()
    assert "ExecStart=/usr/bin/python3 -m nextflow_worker watch\n" in unit
    modules = (WORKER / "nextflow_worker").rglob("*.py")
    assert not any("shell=True" in module.read_text() for module in modules)


def test_nothing_but_scratch_is_watched(testbed: Testbed) -> None:
    """Upstream watched the root volume when nothing was mounted (fault k)."""
    testbed.machine.mounts.discard("/scratch")
    with pytest.raises(WorkerError, match="no scratch disk is mounted at /scratch"):
        testbed.watch.look()
    with pytest.raises(WorkerError, match="no scratch disk is mounted at /scratch"):
        testbed.start()


@pytest.mark.parametrize("command", ["vgextend", "lvextend", "xfs_growfs"])
def test_a_volume_that_lvm_has_is_never_deleted(testbed: Testbed, command: str) -> None:
    testbed.machine.broken = {command: "no lock"}
    testbed.machine.used_gib = 99
    testbed.run(60)
    testbed.machine.broken = {}
    testbed.start()
    testbed.run_until_quiet()
    assert testbed.machine.in_volume > 100
    assert all(volume.device in testbed.machine.group for volume in testbed.ec2.added)
    assert testbed.ec2.calls["DeleteVolume"] == 0
    assert testbed.growth_log_is_empty


@pytest.mark.parametrize("operation", ["DetachVolume", "DeleteVolume"])
def test_a_volume_that_cannot_be_deleted_is_deleted_later(testbed: Testbed, operation: str) -> None:
    testbed.ec2.devices_appear = False
    testbed.ec2.refuse = {
        operation: refusal("InternalError"),
        "ModifyVolume": refusal("UnauthorizedOperation"),
    }
    testbed.machine.used_gib = 99
    testbed.run(GROW_SECONDS + 30)
    assert len(testbed.ec2.added) >= 1
    assert not testbed.growth_log_is_empty
    testbed.ec2.refuse = {}
    testbed.machine.used_gib = 0
    testbed.machine.pause(60)
    testbed.start()
    testbed.run_until_quiet()
    assert testbed.ec2.added == []


@pytest.mark.parametrize("operation", sorted(CHANGES | {"DescribeVolumes"}))
def test_an_answer_that_is_lost_makes_no_second_volume(testbed: Testbed, operation: str) -> None:
    testbed.ec2.lose = {operation}
    testbed.grow()
    assert len(testbed.ec2.added) == 1
    assert testbed.ec2.left_behind == []
    assert testbed.growth_log_is_empty


def _refused(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return next(event for event in _events(capsys) if event["event"] == "scratch not grown")


@pytest.mark.parametrize(
    "code", [code for code in REMEDIES if code not in {"KMS key", "RequestLimitExceeded"}]
)
def test_each_refusal_leaves_nothing_and_says_in_one_line_what_to_do(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    for operation in ("CreateVolume", "ModifyVolume"):
        testbed.ec2.refuse[operation] = refusal(code)
    testbed.machine.used_gib = 99
    testbed.run(60)
    assert testbed.ec2.added == []
    assert testbed.growth_log_is_empty
    event = _refused(capsys)
    assert event["reason"] == f"CreateVolume: you may not ({code})"
    assert event["remedy"] == REMEDIES[code]


def test_throttling_that_lasts_says_in_one_line_what_to_do(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.ec2.throttled_until = float("inf")
    testbed.machine.used_gib = 99
    testbed.run(30)
    delayed = next(event for event in _events(capsys) if event["event"] == "scratch growth delayed")
    assert delayed["remedy"] == REMEDIES["RequestLimitExceeded"]


def test_looking_leaves_calls_for_changing(tmp_path: Path) -> None:
    testbed = Testbed(tmp_path, trip_seconds=0)
    calls = Ec2Calls(testbed.machine, testbed.ec2)
    for _ in range(BURST - RESERVE):
        calls.call("DescribeVolumes", Filters=[{"Name": "tag:x", "Values": ["y"]}])
    with pytest.raises(CallDeferredError, match="budget"):
        calls.call("DescribeVolumes", Filters=[{"Name": "tag:x", "Values": ["y"]}])
    calls.call("CreateVolume", **order(testbed.settings, "g", 8), ClientToken="g")


def test_a_full_quota_of_the_region_drains_the_worker_and_says_which(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    for operation in ("CreateVolume", "ModifyVolume"):
        testbed.ec2.refuse[operation] = refusal("VolumeLimitExceeded")
    testbed.machine.used_gib = 99
    testbed.run(600)
    assert testbed.ecs.states == ["DRAINING"]
    full = next(event for event in _events(capsys) if event["event"] == "scratch full")
    assert "quota of gp3 storage" in full["remedy"]


@pytest.mark.parametrize("fate", ["error", "gone"])
def test_a_missing_permission_on_the_key_leaves_nothing_and_is_named(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], fate: str
) -> None:
    """EC2 tells only by the volume's state that a key cannot be used."""
    testbed.ec2.fails_to_create = fate
    testbed.machine.used_gib = 99
    testbed.run(45)
    events = [event for event in _events(capsys) if event["event"] == "scratch not grown"]
    assert bool(events) == (fate == "error"), "what EC2 does not know yet may come"
    testbed.run(30)
    event = (events or [_refused(capsys)])[0]
    testbed.machine.used_gib = 0
    testbed.ec2.fails_to_create = ""
    testbed.run_until_quiet()
    assert testbed.ec2.left_behind == []
    assert event["reason"].endswith("; may the role use its KMS key?"), event
    assert event["remedy"] == REMEDIES["KMS key"]


def test_money_is_a_ceiling(testbed: Testbed) -> None:
    # 250 MiB/s are 125 beyond what is included: 5 USD for each volume, 8 for the first 100 GiB.
    testbed.start(max_usd_per_month=13 + 20 + 8)
    testbed.machine.rate_gib = 0.1
    testbed.run(3600, every=1)
    assert testbed.machine.in_volume > 190
    spent = testbed.machine.in_volume * 0.08 + 5 * len(testbed.machine.group)
    assert spent <= 13 + 20 + 8
    assert "its maximum is 41.00" in testbed.watch.controller.blocked


def test_without_a_slot_a_volume_is_enlarged(testbed: Testbed) -> None:
    testbed.ec2.limit = (4, "dedicated")
    testbed.machine.rate_gib, testbed.machine.limit_gib = 0.2, 1000
    testbed.run(2 * 3600, every=1)
    assert len(testbed.ec2.volumes) == 3
    assert testbed.machine.in_volume > 1000
    assert testbed.machine.full_seconds == 0
    assert testbed.ec2.calls["AttachVolume"] == 2
    assert max(len(volume.modified_at) for volume in testbed.ec2.volumes.values()) <= 4


def test_interfaces_and_local_disks_share_the_limit_where_ec2_says_so(testbed: Testbed) -> None:
    testbed.ec2.limit = (5, "shared")
    testbed.machine.add_disk("nvme5", "AWS0123")
    testbed.machine.used_gib = 99
    testbed.grow()
    # Root, first volume, local disk, interface: one is left.
    assert len(testbed.ec2.added) == 1
    testbed.grow()
    assert len(testbed.ec2.added) == 1
    assert testbed.ec2.calls["ModifyVolume"] == 1


def test_ec2s_own_refusal_to_attach_leads_to_enlarging(testbed: Testbed) -> None:
    testbed.ec2.refuse = {"AttachVolume": refusal("AttachmentLimitExceeded")}
    testbed.machine.used_gib = 99
    testbed.run(30)
    assert testbed.ec2.added == []
    assert testbed.machine.in_volume > 100
    assert testbed.ec2.calls["CreateVolume"] == 1


def test_modifications_of_a_day_are_remembered_by_the_next_daemon(testbed: Testbed) -> None:
    testbed.start(max_volumes=1, max_size_gib=10**5, max_usd_per_month=10**6)
    for _ in range(4):
        testbed.grow()
        testbed.machine.used_gib = 0
        testbed.machine.pause(7200)
    assert len(testbed.ec2.volumes["vol-0123456789abcdef0"].modified_at) == 4
    testbed.start()
    testbed.grow()
    assert testbed.watch.controller.blocked == (
        "scratch has 1 volumes, its maximum, and none can be enlarged now"
    )
    assert testbed.ec2.calls["ModifyVolume"] == 4
    testbed.machine.used_gib = 0
    testbed.machine.clock += DAY
    testbed.grow()
    assert testbed.ec2.calls["ModifyVolume"] == 5


def test_few_free_inodes_are_a_reason_to_grow(testbed: Testbed) -> None:
    testbed.machine.free_inodes = 0.04
    testbed.run(1)
    assert testbed.ec2.calls["CreateVolume"] == 1


def test_a_slow_writer_gets_little_and_a_fast_one_several_volumes_at_once(
    tmp_path: Path, testbed: Testbed
) -> None:
    testbed.machine.rate_gib, testbed.machine.limit_gib = 0.02, 110
    testbed.run(7200, every=1)
    assert testbed.machine.full_seconds == 0
    assert testbed.machine.in_volume <= 130
    fast = Testbed(tmp_path / "fast", size_gib=100, ebs=False)
    fast.machine.rate_gib = 8
    fast.run(7)
    assert fast.ec2.calls["CreateVolume"] >= 2


def test_a_rate_beyond_what_the_volumes_can_take_buys_nothing(tmp_path: Path) -> None:
    testbed = Testbed(tmp_path, size_gib=500)
    testbed.machine.rate_gib, testbed.machine.limit_gib = 10, 100
    testbed.run(60)
    assert testbed.ec2.calls["CreateVolume"] == 0


def test_what_was_learned_of_ec2_is_known_to_the_next_daemon(testbed: Testbed) -> None:
    testbed.grow()
    learned = Latency(testbed.machine)
    assert 4 <= learned.prepared("create") < 6
    assert 4 <= learned.prepared("attach") < 5
    testbed.machine.path(FILE).write_text('{"create": "soon"}')
    assert Latency(testbed.machine).prepared("create") == 14


def test_a_growth_from_before_is_finished_whatever_the_need(testbed: Testbed) -> None:
    testbed.ec2.lose = {"CreateVolume"}
    testbed.machine.used_gib = 99
    testbed.run(0.3)
    testbed.machine.used_gib = 0
    testbed.start()
    testbed.run_until_quiet()
    assert len(testbed.machine.group) == 2
    assert list(testbed.machine.path(growth_log.FOLDER).iterdir()) == []


def test_the_highest_rate_is_held_for_a_while() -> None:
    rate = WriteRate(window=1, hold=30)
    for tenth in range(20):
        rate.add(tenth / 10, tenth * 0.5)
    assert rate.peak == pytest.approx(5)
    rate.add(3, 9.5)
    assert rate.peak == pytest.approx(5)
    rate.add(60, 9.5)
    assert rate.peak == 0


def test_what_is_deleted_is_no_rate() -> None:
    rate = WriteRate(window=1, hold=30)
    rate.add(0, 50)
    rate.add(1, 10)
    assert rate.peak == 0


def test_disks_are_told_apart_and_a_shared_limit_counts_interfaces_too(testbed: Testbed) -> None:
    testbed.machine.add_disk("nvme3", "AWS0123")
    for name in ("eth0", "eth1"):
        testbed.machine.path(f"/sys/class/net/{name}/device").mkdir(parents=True)
    testbed.machine.path("/sys/class/net/docker0").mkdir()

    assert nvme.volumes(testbed.machine)["/dev/nvme1n1"] == "vol-0123456789abcdef0"
    assert len(nvme.volumes(testbed.machine)) == 2
    assert len(nvme.disks(testbed.machine)) == 3
    testbed.ec2.limit = (10, "shared")
    limit = AttachmentLimit(testbed.machine, Ec2Calls(testbed.machine, testbed.ec2), Events())
    assert limit.free() == 10 - 3 - 2
