"""Watches the scratch disk and grows it before it is full."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Callable

from nextflow_worker.deadline import Refusal
from nextflow_worker.host import GIB

if TYPE_CHECKING:
    from nextflow_worker.growth import Growth
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch

POLL_SECONDS = 1
#: Grow when less than this share is free; at least so much in any case, which is what a task
#: writes at 250 MiB/s in the 80 s that a slow creation may take.
SHARE = 0.3
LEAST_FREE = 20 * GIB
#: After a failure EC2 is asked again no sooner, then ever later.
COOL_DOWN = (30.0, 600.0)


class Watch:
    """The daemon: one look a second, one growth at a time."""

    def __init__(self, host: Host, scratch: Scratch, growth: Growth) -> None:
        """Take what to watch and how to grow it."""
        self._host = host
        self._scratch = scratch
        self._growth = growth
        self._wait = COOL_DOWN[0]
        self._not_before = 0.0

    def look(self) -> None:
        """Look once, and act if it is time to.

        Raises:
            Refusal: What is mounted is not the scratch disk.
        """
        space = self._scratch.space()
        if self._host.now() < self._not_before:
            return
        if self._growth.unfinished:
            self._attempt("resumed", self._growth.resume)
        elif space.free < max(space.total * SHARE, LEAST_FREE):
            self._attempt("grown", self._growth.grow, free_gib=round(space.free / GIB, 1))

    def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            self._host.pause(POLL_SECONDS)

    def _attempt(self, event: str, act: Callable[[], int | None], **facts: float) -> None:
        begin = self._host.now()
        try:
            added = act()
        except Refusal as refusal:
            # Half of it varies, so that the workers of one outage do not come back together.
            wait = self._wait * random.uniform(0.5, 1)  # noqa: S311 - no secret
            self._not_before = self._host.now() + wait
            self._wait = min(self._wait * 2, COOL_DOWN[1])
            log("not " + event, reason=str(refusal), next_try_s=round(wait), **facts)
            return
        self._wait = COOL_DOWN[0]
        if added is not None:
            facts["added_gib"] = added
        log(event, took_s=round(self._host.now() - begin, 1), **facts)


def log(event: str, **facts: object) -> None:
    """Write one line of JSON to the journal."""
    print(json.dumps({"event": f"scratch {event}", **facts}), flush=True)
