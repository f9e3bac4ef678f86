"""The daemon: watches the scratch disk and grows it before it is full."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from nextflow_worker.growth import strays
from nextflow_worker.growth.calls import Calls
from nextflow_worker.growth.gauge import Gauge
from nextflow_worker.growth.grower import Grower
from nextflow_worker.growth.growth import Tools
from nextflow_worker.growth.latency import Latency
from nextflow_worker.growth.ledger import Ledger
from nextflow_worker.growth.slots import Slots
from nextflow_worker.growth.volumes import Volumes
from nextflow_worker.journal import Journal
from nextflow_worker.scratch import Scratch
from nextflow_worker.service import Service
from nextflow_worker.settings import Settings
from nextflow_worker.watch.guard import Guard
from nextflow_worker.watch.membership import AGENT, Membership
from nextflow_worker.watch.metrics import Metrics
from nextflow_worker.watch.tasks import Tasks

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: How often to look, in seconds: a look costs a few system calls.
LOOK_SECONDS = 0.05
#: How often growths go on.
TURN_SECONDS = 0.1
#: A drained instance takes tasks again when at least this share of scratch is free.
ROOMY = 0.5


class Services(NamedTuple):
    """Who answers.

    Attributes:
        ec2: EC2.
        ecs: ECS.
        logs: CloudWatch Logs.
        agent: URL under which the ECS agent says who it is.
    """

    ec2: Service
    ecs: Service
    logs: Service
    agent: str = AGENT


class Watch:
    """Two loops: one looks at the disk, the other calls EC2 and LVM, which may take their time.

    Attributes:
        grower: What grows scratch.
        guard: What stops tasks.
        membership: What keeps tasks away.
        metrics: What tells CloudWatch; none without a log group.
    """

    def __init__(self, host: Host, settings: Settings, services: Services) -> None:
        """Put the parts together and take up what an earlier daemon began.

        Raises:
            Refusal: What is mounted is not the scratch disk.
        """
        self._host = host
        # Without a log group there is only systemd's journal.
        self.metrics = Metrics(host, settings, services.logs) if settings.log_group else None
        self._journal = journal = Journal(*[self.metrics.take] if self.metrics else [])
        scratch = Scratch(host)
        calls = Calls(host, services.ec2)
        self._volumes = Volumes(host, settings, calls)
        tools = Tools(host, calls, Ledger(host), self._volumes, scratch, Latency(host))
        self._gauge = Gauge(host, scratch)
        self.grower = Grower(tools, settings, self._gauge, Slots(host, calls, journal), journal)
        self.guard = Guard(
            host,
            Tasks(host),
            journal,
            seconds=settings.freeze_seconds,
            hopeful=lambda: not self.grower.blocked,
        )
        self.membership = Membership(host, services.ecs, journal, services.agent)

    def look(self) -> None:
        """Look once.

        Raises:
            Refusal: What is mounted is not the scratch disk.
        """
        reading = self._gauge.look(stopped=self.guard.elapsed())
        self.guard.judge(reading)

    def turn(self) -> None:
        """Let growths go on, once."""
        self.grower.turn()
        reading = self._gauge.reading
        if self.grower.blocked:
            self.membership.drain(self.grower.blocked)
        elif reading.free >= reading.total * ROOMY:
            self.membership.rejoin()

    def sweep(self) -> None:
        """Delete what earlier workers left behind."""
        strays.sweep(self._host, self._volumes, self._journal)

    def run(self) -> None:
        """Look and grow until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        threading.Thread(target=self._look_for_ever, name="look", daemon=True).start()
        if self.metrics:
            send = self.metrics.send_for_ever
            threading.Thread(target=send, args=[self._host.pause], name="send", daemon=True).start()
        try:
            self.sweep()
            while True:
                self.turn()
                self._host.pause(TURN_SECONDS)
        finally:
            self.guard.release()

    def _look_for_ever(self) -> None:
        try:
            while True:
                self.look()
                self._host.pause(LOOK_SECONDS)
        except BaseException as error:  # Whatever it is, systemd starts us anew.
            print(f"nextflow-batch: {error}", flush=True)
            self.guard.release()
            os._exit(1)


def watch(host: Host) -> None:
    """Watch this instance's scratch by the settings in the environment.

    Raises:
        Refusal: It cannot be watched.
    """
    # First of all: whoever died may have left tasks frozen.
    Tasks(host).thaw()
    settings = Settings.read(os.environ)
    aws = partial(Service, host, settings.region)
    Watch(host, settings, Services(aws("ec2"), aws("ecs"), aws("logs"))).run()
