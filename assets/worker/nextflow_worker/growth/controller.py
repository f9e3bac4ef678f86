"""Decides when scratch grows, and leads several growths side by side to their end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nextflow_worker import nvme
from nextflow_worker.backoff import Backoff
from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.growth import gp3, limits, policy
from nextflow_worker.growth.addition import VolumeAddition
from nextflow_worker.growth.ec2_calls import CallDeferredError
from nextflow_worker.growth.latency import STEPS
from nextflow_worker.growth.limits import Stock
from nextflow_worker.growth.modification import VolumeModification
from nextflow_worker.growth.modification_history import ModificationHistory
from nextflow_worker.remedy import remedy

if TYPE_CHECKING:
    from nextflow_worker.events import Events
    from nextflow_worker.growth.attachment_limit import AttachmentLimit
    from nextflow_worker.growth.disk_usage import DiskUsage
    from nextflow_worker.growth.growth_log import Entry
    from nextflow_worker.growth.volume_growth import Tools, VolumeGrowth
    from nextflow_worker.settings import Settings

#: After a volume failed no other is added for so long, in seconds: at first, at most.
COOL_DOWN = (30.0, 600.0)
#: With a longer wait than this (the third failure) nothing is hoped for any more.
GIVEN_UP = 120.0
#: How long enlarged volumes are to last, in seconds.
OPTIMIZE_SECONDS = 3600
#: How long LVM may take to say what there is.
LOOK_SECONDS = 60


class GrowthController:
    """All growths of an instance.

    Attributes:
        blocked: Why scratch cannot grow any more although it should; empty otherwise.
    """

    def __init__(
        self,
        tools: Tools,
        settings: Settings,
        usage: DiskUsage,
        attachment_limit: AttachmentLimit,
        events: Events,
    ) -> None:
        """Take up what the growth log says was begun."""
        self.blocked = ""
        self._tools = tools
        self._settings = settings
        self._usage = usage
        self._attachment_limit = attachment_limit
        self._events = events
        self._modifications = ModificationHistory(tools.host)
        self._growths = [self._take_up(entry, fresh=False) for entry in tools.growth_log.entries()]
        self._cool_down = Backoff(*COOL_DOWN)
        self._not_before = 0.0
        self._failure = ""
        self._disks: dict[str, int] = {}
        self._speed = 0.0
        self._reported: dict[str, str] = {}
        self._spare = True

    @property
    def coming_gib(self) -> int:
        """How many GiB are on their way."""
        return sum(growth.entry.gain_gib for growth in self._growths if growth.coming)

    @property
    def busy(self) -> bool:
        """Whether anything was begun and has not ended."""
        return bool(self._growths)

    def turn(self) -> None:
        """Do what is due of each growth, and begin those that are needed."""
        for growth in self._growths:
            self._step(growth)
        self._growths = [growth for growth in self._growths if not growth.over]
        try:
            self._plan()
        except WorkerError as error:
            reason = str(error)
            self._emit_once("plan", "growth delayed", reason=reason, **remedy(reason))

    def _step(self, growth: VolumeGrowth) -> None:
        failing = growth.failure
        try:
            # What need not wait does not wait for the next turn.
            while not growth.over and growth.due <= self._tools.host.now():
                growth.step()
        except WorkerError as error:
            if growth.failure and not failing:
                self._failed(growth)
            else:
                name = growth.entry.name
                reason = str(error)
                self._emit_once(
                    name, "growth delayed", growth=name, reason=reason, **remedy(reason)
                )
        if growth.over:
            self._disks, self._speed = {}, 0.0
            self._reported.pop(growth.entry.name, None)
        if growth.grown:
            self._grown(growth)

    def _grown(self, growth: VolumeGrowth) -> None:
        self._cool_down.reset()
        self._not_before = 0.0
        self._events.emit(
            "grown",
            by=growth.entry.kind,
            volume=growth.entry.volume_id,
            added_gib=growth.entry.gain_gib,
            took_s=round(self._tools.host.now() - growth.began, 1),
        )

    def _failed(self, growth: VolumeGrowth) -> None:
        entry = growth.entry
        wait = 0.0
        if "AttachmentLimitExceeded" in growth.failure:
            self._attachment_limit.refused()
        elif entry.kind == "add":
            wait = self._cool_down.next()
            self._not_before = self._tools.host.now() + wait
            self._failure = growth.failure
        self._events.emit(
            "not grown",
            by=entry.kind,
            volume=entry.volume_id,
            reason=growth.failure,
            next_try_s=round(wait),
            **remedy(growth.failure),
        )

    def _plan(self) -> None:
        situation = self._situation()
        if not situation.short:
            self.blocked = ""
            return
        self._spare = self._spare and self._take_spare()
        if self._spare:
            return
        parallel = policy.PARALLEL - len(self._growths)
        if parallel < 1:
            return
        try:
            self._order(situation, parallel)
        except CallDeferredError:
            raise
        except WorkerError as error:
            # What is on its way may be enough.
            if not self.busy:
                self.blocked = str(error)

    def _take_spare(self) -> bool:
        """Take what boot has left for later: it is there already, and paid for."""
        taken = self._tools.scratch.take_spare(Deadline(self._tools.host, LOOK_SECONDS))
        if taken:
            self._disks, self._speed = {}, 0.0
            self._events.emit("grown", by="spare")
        return taken

    def _situation(self) -> policy.Situation:
        reading = self._usage.reading
        return policy.Situation(
            total=reading.total,
            free=reading.free,
            coming=self.coming_gib,
            rate=min(reading.rate, self._bandwidth()),
            dirty=reading.dirty,
            seconds=self._tools.latency.prepared(*STEPS),
            share=0.0,
            inodes=reading.inodes,
        )

    def _order(self, situation: policy.Situation, parallel: int) -> None:
        stock = self._stock()
        count = len(stock.volumes)
        left = self._settings.scratch.max_volumes - count
        if self._tools.host.now() < self._not_before:
            if not self._modify(situation, stock) and self._cool_down.limit > GIVEN_UP:
                raise WorkerError(self._failure)
        elif left < 1:
            self._modify(situation, stock, f"scratch has {count} volumes, its maximum")
        elif self._attachment_limit.free() - self._unattached() < 1:
            self._modify(situation, stock, "no more volumes can be attached to this instance")
        else:
            left = min(left, self._attachment_limit.free() - self._unattached())
            share = policy.share(stock.size_gib, self._settings.scratch.max_size_gib, left)
            situation = replace(situation, share=share)
            for size in self._parts(situation, stock, min(parallel, left)):
                if self._begin("add", size, size).failure:
                    break

    def _parts(self, situation: policy.Situation, stock: Stock, most: int) -> list[int]:
        """Return the sizes to add: each volume has a price of its own, besides its size."""
        sizes: list[int] = []
        for number in range(1, most + 1):
            try:
                room = limits.room(self._settings, stock, new=number)
            except WorkerError:
                if not sizes:
                    raise
                break
            sizes = policy.order(situation, parallel=number, room=room)
            if len(sizes) < number:
                break
        return sizes

    def _modify(self, situation: policy.Situation, stock: Stock, why: str = "") -> bool:
        """Plan B, one volume at a time, in larger steps: there are few of them.

        Returns:
            Whether a volume is being enlarged.

        Raises:
            WorkerError: None can be, and `why` says that none can be added either.
        """
        if any(growth.entry.kind == "modify" for growth in self._growths):
            return True
        room = limits.room(self._settings, stock, new=0)
        attached = nvme.volumes(self._tools.host)
        disks = {attached[disk]: size for disk, size in self._sizes().items() if disk in attached}
        fitting = [volume for volume, size in disks.items() if size < gp3.LARGEST_GIB]
        volume = self._modifications.best(fitting)
        if not volume:
            if not why:
                return False
            message = f"{why}, and none can be enlarged now"
            raise WorkerError(message)
        # Each can be modified once now, and again when EC2 has optimized it, which takes hours.
        last = situation.rate * OPTIMIZE_SECONDS / len(fitting)
        share = max(0.5, last / situation.total)
        (gain,) = policy.order(replace(situation, share=share), parallel=1, room=room) or [0]
        gain = min(gain, gp3.LARGEST_GIB - disks[volume])
        if gain > 0:
            self._begin("modify", disks[volume] + gain, gain, volume)
        return gain > 0

    def _begin(self, kind: str, size_gib: int, gain_gib: int, volume_id: str = "") -> VolumeGrowth:
        entry = self._tools.growth_log.begin(kind, size_gib, gain_gib, volume_id)
        growth = self._take_up(entry, fresh=True)
        self._growths.append(growth)
        self._step(growth)
        return growth

    def _take_up(self, entry: Entry, *, fresh: bool) -> VolumeGrowth:
        if entry.kind == "modify":
            return VolumeModification(self._tools, entry, self._modifications, fresh=fresh)
        return VolumeAddition(self._tools, entry, fresh=fresh)

    def _sizes(self) -> dict[str, int]:
        if not self._disks:
            self._disks = self._tools.scratch.sizes(Deadline(self._tools.host, LOOK_SECONDS))
        return self._disks

    def _stock(self) -> Stock:
        attached = nvme.volumes(self._tools.host)
        sizes = {attached.get(disk, disk): size for disk, size in self._sizes().items()}
        for growth in self._growths:
            if growth.coming:
                sizes[growth.entry.volume_id or growth.entry.name] = growth.entry.size_gib
        ours = {growth.entry.name for growth in self._growths}
        volumes = {name for name in sizes if name.startswith("vol-") or name in ours}
        return Stock(
            [size for name, size in sizes.items() if name in volumes],
            sum(size for name, size in sizes.items() if name not in volumes),
        )

    def _bandwidth(self) -> float:
        """Return how fast its volumes take data, in GiB/s: no rate beyond that can last."""
        if not self._speed:
            attached = nvme.volumes(self._tools.host)
            sizes = self._sizes()
            # Nobody tells the speed of the instance's own disks.
            self._speed = (
                float("inf")
                if set(sizes) - set(attached)
                else sum(
                    gp3.performance(self._settings, size).mibs / 1024 for size in sizes.values()
                )
            )
        return self._speed

    def _unattached(self) -> int:
        """Return how many volumes on their way do not take a slot yet."""
        attached = nvme.volumes(self._tools.host).values()
        return sum(
            growth.entry.kind == "add" and growth.coming and growth.entry.volume_id not in attached
            for growth in self._growths
        )

    def _emit_once(self, what: str, event: str, **facts: object) -> None:
        text = str(facts)
        if self._reported.get(what) != text:
            self._reported[what] = text
            self._events.emit(event, **facts)
