"""Decides when scratch grows, and leads several growths side by side to their end."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, Refusal
from nextflow_worker.growth import attachments, ceilings, gp3, plan
from nextflow_worker.growth.calls import Later
from nextflow_worker.growth.ceilings import Stock
from nextflow_worker.growth.enlargement import Enlargement, Modifications
from nextflow_worker.growth.growth import Addition, Growth, Tools
from nextflow_worker.growth.latency import STEPS
from nextflow_worker.remedy import remedy

if TYPE_CHECKING:
    from nextflow_worker.growth.gauge import Gauge
    from nextflow_worker.growth.ledger import Entry
    from nextflow_worker.growth.slots import Slots
    from nextflow_worker.journal import Journal
    from nextflow_worker.settings import Settings

#: After a volume failed no other is added for so long, in seconds: at first, at most.
COOL_DOWN = (30.0, 600.0)
#: With a longer wait than this (the third failure) nothing is hoped for any more.
GIVEN_UP = 120.0
#: How long enlarged volumes are to last, in seconds.
OPTIMIZE_SECONDS = 3600
#: How long LVM may take to say what there is.
LOOK_SECONDS = 60


class Grower:
    """All growths of an instance.

    Attributes:
        blocked: Why scratch cannot grow any more although it should; empty otherwise.
    """

    def __init__(
        self, tools: Tools, settings: Settings, gauge: Gauge, slots: Slots, journal: Journal
    ) -> None:
        """Take up what the ledger says was begun."""
        self.blocked = ""
        self._tools = tools
        self._settings = settings
        self._gauge = gauge
        self._slots = slots
        self._journal = journal
        self._modifications = Modifications(tools.host)
        self._growths = [self._take_up(entry, fresh=False) for entry in tools.ledger.entries()]
        self._cool_down = COOL_DOWN[0]
        self._not_before = 0.0
        self._failure = ""
        self._disks: dict[str, int] = {}
        self._speed = 0.0
        self._said: dict[str, str] = {}
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
        except Refusal as refusal:
            said = str(refusal)
            self._say_once("plan", "growth delayed", reason=said, **remedy(said))

    def _step(self, growth: Growth) -> None:
        failing = growth.failure
        try:
            # What need not wait does not wait for the next turn.
            while not growth.over and growth.due <= self._tools.host.now():
                growth.step()
        except Refusal as refusal:
            if growth.failure and not failing:
                self._failed(growth)
            else:
                name = growth.entry.name
                said = str(refusal)
                self._say_once(name, "growth delayed", growth=name, reason=said, **remedy(said))
        if growth.over:
            self._disks, self._speed = {}, 0.0
            self._said.pop(growth.entry.name, None)
        if growth.grown:
            self._grown(growth)

    def _grown(self, growth: Growth) -> None:
        self._cool_down, self._not_before = COOL_DOWN[0], 0.0
        self._journal.say(
            "grown",
            by=growth.entry.kind,
            volume=growth.entry.volume_id,
            added_gib=growth.entry.gain_gib,
            took_s=round(self._tools.host.now() - growth.began, 1),
        )

    def _failed(self, growth: Growth) -> None:
        entry = growth.entry
        wait = 0.0
        if "AttachmentLimitExceeded" in growth.failure:
            self._slots.refused()
        elif entry.kind == "add":
            # Half of it varies, so that the workers of one outage do not come back together.
            wait = self._cool_down * random.uniform(0.5, 1)  # noqa: S311 - no secret
            self._not_before = self._tools.host.now() + wait
            self._failure = growth.failure
            self._cool_down = min(self._cool_down * 2, COOL_DOWN[1])
        self._journal.say(
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
        parallel = plan.PARALLEL - len(self._growths)
        if parallel < 1:
            return
        try:
            self._order(situation, parallel)
        except Later:
            raise
        except Refusal as refusal:
            # What is on its way may be enough.
            if not self.busy:
                self.blocked = str(refusal)

    def _take_spare(self) -> bool:
        """Take what boot has left for later: it is there already, and paid for."""
        taken = self._tools.scratch.take_spare(Deadline(self._tools.host, LOOK_SECONDS))
        if taken:
            self._disks, self._speed = {}, 0.0
            self._journal.say("grown", by="spare")
        return taken

    def _situation(self) -> plan.Situation:
        reading = self._gauge.reading
        return plan.Situation(
            total=reading.total,
            free=reading.free,
            coming=self.coming_gib,
            rate=min(reading.rate, self._bandwidth()),
            dirty=reading.dirty,
            seconds=self._tools.latency.prepared(*STEPS),
            share=0.0,
            inodes=reading.inodes,
        )

    def _order(self, situation: plan.Situation, parallel: int) -> None:
        stock = self._stock()
        count = len(stock.volumes)
        left = self._settings.scratch_max_volumes - count
        if self._tools.host.now() < self._not_before:
            if not self._enlarge(situation, stock) and self._cool_down > GIVEN_UP:
                raise Refusal(self._failure)
        elif left < 1:
            self._enlarge(situation, stock, f"scratch has {count} volumes, its ceiling")
        elif self._slots.free() - self._unattached() < 1:
            self._enlarge(situation, stock, "this instance takes no further volume")
        else:
            left = min(left, self._slots.free() - self._unattached())
            share = plan.share(stock.size_gib, self._settings.scratch_max_size_gib, left)
            situation = replace(situation, share=share)
            for size in self._parts(situation, stock, min(parallel, left)):
                if self._begin("add", size, size).failure:
                    break

    def _parts(self, situation: plan.Situation, stock: Stock, most: int) -> list[int]:
        """Return the sizes to add: each volume has a price of its own, besides its size."""
        sizes: list[int] = []
        for number in range(1, most + 1):
            try:
                room = ceilings.room(self._settings, stock, new=number)
            except Refusal:
                if not sizes:
                    raise
                break
            sizes = plan.order(situation, parallel=number, room=room)
            if len(sizes) < number:
                break
        return sizes

    def _enlarge(self, situation: plan.Situation, stock: Stock, why: str = "") -> bool:
        """Plan B, one volume at a time, in larger steps: there are few of them.

        Returns:
            Whether a volume is being enlarged.

        Raises:
            Refusal: None can be, and `why` says that none can be added either.
        """
        if any(growth.entry.kind == "enlarge" for growth in self._growths):
            return True
        room = ceilings.room(self._settings, stock, new=0)
        has = attachments.look(self._tools.host).volumes
        disks = {has[disk]: size for disk, size in self._sizes().items() if disk in has}
        fitting = [volume for volume, size in disks.items() if size < gp3.LARGEST_GIB]
        volume = self._modifications.best(fitting)
        if not volume:
            if not why:
                return False
            message = f"{why}, and none of them can be enlarged now"
            raise Refusal(message)
        # Each can be modified once now, and again when EC2 has optimized it, which takes hours.
        last = situation.rate * OPTIMIZE_SECONDS / len(fitting)
        share = max(0.5, last / situation.total)
        (gain,) = plan.order(replace(situation, share=share), parallel=1, room=room) or [0]
        gain = min(gain, gp3.LARGEST_GIB - disks[volume])
        if gain > 0:
            self._begin("enlarge", disks[volume] + gain, gain, volume)
        return gain > 0

    def _begin(self, kind: str, size_gib: int, gain_gib: int, volume_id: str = "") -> Growth:
        entry = self._tools.ledger.begin(kind, size_gib, gain_gib, volume_id)
        growth = self._take_up(entry, fresh=True)
        self._growths.append(growth)
        self._step(growth)
        return growth

    def _take_up(self, entry: Entry, *, fresh: bool) -> Growth:
        if entry.kind == "enlarge":
            return Enlargement(self._tools, entry, self._modifications, fresh=fresh)
        return Addition(self._tools, entry, fresh=fresh)

    def _sizes(self) -> dict[str, int]:
        if not self._disks:
            self._disks = self._tools.scratch.sizes(Deadline(self._tools.host, LOOK_SECONDS))
        return self._disks

    def _stock(self) -> Stock:
        has = attachments.look(self._tools.host).volumes
        sizes = {has.get(disk, disk): size for disk, size in self._sizes().items()}
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
            has = attachments.look(self._tools.host).volumes
            sizes = self._sizes()
            # Nobody tells the speed of the instance's own disks.
            self._speed = (
                float("inf")
                if set(sizes) - set(has)
                else sum(
                    gp3.performance(self._settings, size).mibs / 1024 for size in sizes.values()
                )
            )
        return self._speed

    def _unattached(self) -> int:
        """Return how many volumes on their way do not take a slot yet."""
        has = attachments.look(self._tools.host).volumes.values()
        return sum(
            growth.entry.kind == "add" and growth.coming and growth.entry.volume_id not in has
            for growth in self._growths
        )

    def _say_once(self, what: str, event: str, **facts: object) -> None:
        said = str(facts)
        if self._said.get(what) != said:
            self._said[what] = said
            self._journal.say(event, **facts)
