"""The daemon that grows scratch, against a model of fixed thresholds, in pretended time.

Both meet the same emulated EC2, LVM and writer; the daemon is the one that workers run, and only
its clock and machine are pretended, so the figures are the same on each machine. The model does
what https://github.com/awslabs/amazon-ebs-autoscale does: it looks every 2 s, adds 150 GiB at half
full, one volume at a time, waits for it as the AWS CLI's waiters do, and sets DeleteOnTermination
last.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure, write
from testbed.scratch import COMMAND_SECONDS, Testbed

if TYPE_CHECKING:
    from testbed.scratch import WritingMachine

#: What EC2 takes to create and to attach a volume, in seconds together.
_LATENCIES = (8, 30)
_START_GIB = 50
#: A task of ten minutes.
_JOB_GIB, _JOB_RATE, _JOB_SECONDS = 300, 0.5, 600
#: How much is written in the search for the highest rate.
_SEARCH_GIB = 500


class _Thresholds:
    """The model; its times are those that were measured with the scripts themselves."""

    POLL, SHARE, VOLUME_GIB = 2.0, 0.5, 150
    #: An AWS CLI starts for each call; its waiters ask every 15 s.
    CLI, WAITER = 0.5, 15.0
    #: btrfs shows what is written when it commits, every 30 s.
    COMMIT = 30.0

    def __init__(self, testbed: Testbed) -> None:
        self.grown: list[float] = []
        self._machine: WritingMachine = testbed.machine
        self._ec2 = testbed.ec2
        self._seen = (0.0, 0.0)
        self._next = 0.0

    def turn(self) -> None:
        machine = self._machine
        if machine.clock - self._seen[0] >= self.COMMIT:
            self._seen = (machine.clock, machine.used_gib)
        if machine.clock < self._next:
            return
        self._next = machine.clock + self.POLL
        if self._seen[1] >= machine.in_volume * self.SHARE:
            begin = machine.clock
            self._grow()
            self.grown.append(machine.clock - begin)

    def _grow(self) -> None:
        machine, name = self._machine, f"/dev/xvdb{'abcdefghijklmnop'[len(self.grown)]}"
        mine = [{"Name": "attachment.instance-id", "Values": ["i-0123"]}]
        for _ in range(4):  # Number and size of what there is, and a free name.
            self._call("DescribeVolumes", Filters=mine)
        tags = [{"ResourceType": "volume", "Tags": [{"Key": "by", "Value": "thresholds"}]}]
        volume = self._call(
            "CreateVolume",
            AvailabilityZone="us-west-2b",
            Size=self.VOLUME_GIB,
            ClientToken=name,
            TagSpecifications=tags,
        )["VolumeId"]
        while True:
            (found,) = self._call("DescribeVolumes", VolumeIds=[volume])["Volumes"]
            if found["State"] == "available":
                break
            machine.pause(self.WAITER)
        machine.pause(1)
        self._call("AttachVolume", VolumeId=volume, InstanceId="i-0123", Device=name)
        while not self._ec2.volumes[volume].device:
            machine.pause(1)
        self._call("DescribeVolumes", VolumeIds=[volume])
        ebs = {"VolumeId": volume, "DeleteOnTermination": True}
        mappings = [{"DeviceName": name, "Ebs": ebs}]
        self._call("ModifyInstanceAttribute", InstanceId="i-0123", BlockDeviceMappings=mappings)
        machine.pause(1.4)
        machine.in_volume += self.VOLUME_GIB

    def _call(self, operation: str, **arguments: object) -> dict[str, Any]:
        self._machine.pause(self.CLI)
        return self._ec2.call(operation, **arguments)


@dataclass(frozen=True)
class _Outcome:
    """What became of a writer and a policy.

    Attributes:
        testbed: How it ended.
        seconds: From order to space, for each growth.
    """

    testbed: Testbed
    seconds: list[float]

    @property
    def growths(self) -> int:
        return max(len(self.seconds), 1)

    @property
    def calls(self) -> float:
        return self.testbed.ec2.calls.total() / self.growths

    @property
    def unbound(self) -> float:
        return max(
            volume.bound_at - (volume.available_at - self.testbed.ec2.create_seconds)
            for volume in self.testbed.ec2.added
        )


def _run(
    latency: int, rate: float, gib: float, seconds: float, *, daemon: bool, freeze: int = 0
) -> _Outcome:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as log:
        half = latency / 2
        testbed = Testbed(
            Path(folder), size_gib=_START_GIB, ebs=False, create_seconds=half, attach_seconds=half
        )
        testbed.start(freeze_seconds=freeze)
        model = _Thresholds(testbed)
        if not daemon:
            testbed.machine.watch = None
            testbed.watch = model  # type: ignore[assignment]
        testbed.machine.rate_gib, testbed.machine.limit_gib = rate, gib
        testbed.run(seconds)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    took = [event["took_s"] for event in events if event["event"] == "scratch grown"]
    return _Outcome(testbed, took if daemon else model.grown)


def _highest(latency: int, limit: float, *, daemon: bool) -> float:
    """The highest rate that finds space, in GiB/s, to a hundredth of the limit."""
    survived, failed = 0.0, 1.5 * limit
    while failed - survived > limit / 100:
        rate = (survived + failed) / 2
        done = _run(latency, rate, _SEARCH_GIB, _SEARCH_GIB / rate + 10, daemon=daemon)
        if done.testbed.machine.full_seconds:
            failed = rate
        else:
            survived = rate
    return survived


def _figures(latency: int) -> list[Figure]:
    at = f"EC2 takes {latency} s"
    job = (latency, _JOB_RATE, _JOB_GIB, _JOB_SECONDS)
    ours, theirs = _run(*job, daemon=True), _run(*job, daemon=False)
    # What nobody can be faster than: EC2, four answers of it, LVM and XFS.
    cycle = latency + 4 * ours.testbed.ec2.trip_seconds + sum(COMMAND_SECONDS.values())
    limit = _START_GIB / cycle
    reached = _highest(latency, limit, daemon=True)
    model = _highest(latency, limit, daemon=False)
    fast = _run(latency, 20, 1000, 600, daemon=True, freeze=300).testbed.machine

    def figure(metric: str, value: float, unit: str, target: str = "", ok: bool = True) -> Figure:
        return Figure(
            metric=f"{at}: {metric}", value=round(value, 3), unit=unit, target=target, ok=ok
        )

    def ratio(outcome: _Outcome) -> float:
        machine = outcome.testbed.machine
        return machine.size_integral / machine.used_integral

    def unused(outcome: _Outcome) -> float:
        machine = outcome.testbed.machine
        return 100 * (machine.in_volume - machine.used_gib) / machine.used_gib

    return [
        figure("from order to space", statistics.median(ours.seconds), "s, median"),
        figure("… by thresholds", statistics.median(theirs.seconds), "s, median"),
        figure("highest rate without a full disk", reached, "GiB/s"),
        figure("… by thresholds", model, "GiB/s"),
        figure(
            f"… of start size / {cycle:.1f} s",
            100 * reached / limit,
            "%",
            "at least 90",
            reached >= 0.9 * limit,
        ),
        figure(
            "full disk at 20 GiB/s, with freezing",
            fast.full_seconds,
            "s",
            "0",
            fast.full_seconds == 0 and fast.used_gib == 1000,  # noqa: PLR2004
        ),
        figure("tasks stood still meanwhile", fast.frozen_seconds, "s"),
        figure("calls per growth", ours.calls, "calls", "at most 5", ours.calls <= 5),  # noqa: PLR2004
        figure("… by thresholds", theirs.calls, "calls"),
        figure("without DeleteOnTermination", ours.unbound, "s, longest"),
        figure("… by thresholds", theirs.unbound, "s, longest"),
        figure(
            "unused at the end, of used",
            unused(ours),
            "%",
            "at most 20",
            unused(ours) <= 20,  # noqa: PLR2004
        ),
        figure("… by thresholds", unused(theirs), "%"),
        figure(
            "provisioned over used",
            ratio(ours),
            "times",
            "at most 1.25",
            ratio(ours) <= 1.25,  # noqa: PLR2004
        ),
        figure("… by thresholds", ratio(theirs), "times"),
    ]


def main() -> None:
    """Run all and report."""
    write("disk", [figure for latency in _LATENCIES for figure in _figures(latency)])


if __name__ == "__main__":
    main()
