"""The daemon: watches the scratch disk and grows it before it is full."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from nextflow_worker.events import Events
from nextflow_worker.growth import orphans
from nextflow_worker.growth.attachment_limit import AttachmentLimit
from nextflow_worker.growth.controller import GrowthController
from nextflow_worker.growth.disk_usage import DiskUsage
from nextflow_worker.growth.ebs_volumes import EbsVolumes
from nextflow_worker.growth.ec2_calls import Ec2Calls
from nextflow_worker.growth.growth_log import GrowthLog
from nextflow_worker.growth.latency import Latency
from nextflow_worker.growth.volume_growth import Tools
from nextflow_worker.scratch import Scratch
from nextflow_worker.service import Service
from nextflow_worker.settings import Settings
from nextflow_worker.watch.container_instance import AGENT, ContainerInstance
from nextflow_worker.watch.metrics import Metrics
from nextflow_worker.watch.task_cgroups import Tasks
from nextflow_worker.watch.task_freezer import TaskFreezer

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
        controller: What grows scratch.
        freezer: What stops tasks.
        container_instance: What keeps tasks away.
        metrics: What tells CloudWatch; none without a log group.
    """

    def __init__(self, host: Host, settings: Settings, services: Services) -> None:
        """Put the parts together and take up what an earlier daemon began.

        Raises:
            WorkerError: What is mounted is not the scratch disk.
        """
        self._host = host
        # Without a log group there is only systemd's events.
        self.metrics = Metrics(host, settings, services.logs) if settings.log_group else None
        self._events = events = Events(*[self.metrics.take] if self.metrics else [])
        scratch = Scratch(host)
        calls = Ec2Calls(host, services.ec2)
        self._volumes = EbsVolumes(host, settings, calls)
        tools = Tools(host, calls, GrowthLog(host), self._volumes, scratch, Latency(host))
        self._usage = DiskUsage(host, scratch)
        self.controller = GrowthController(
            tools, settings, self._usage, AttachmentLimit(host, calls, events), events
        )
        self.freezer = TaskFreezer(
            host,
            Tasks(host),
            events,
            seconds=settings.scratch.freeze_seconds,
            hopeful=lambda: not self.controller.blocked,
        )
        self.container_instance = ContainerInstance(host, services.ecs, events, services.agent)

    def look(self) -> None:
        """Look once.

        Raises:
            WorkerError: What is mounted is not the scratch disk.
        """
        reading = self._usage.look(stopped=self.freezer.elapsed())
        self.freezer.judge(reading)

    def turn(self) -> None:
        """Let growths go on, once."""
        self.controller.turn()
        reading = self._usage.reading
        if self.controller.blocked:
            self.container_instance.drain(self.controller.blocked)
        elif reading.free >= reading.total * ROOMY:
            self.container_instance.rejoin()

    def sweep(self) -> None:
        """Delete what earlier workers left behind."""
        orphans.sweep(self._host, self._volumes, self._events)

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
            self.freezer.release()

    def _look_for_ever(self) -> None:
        try:
            while True:
                self.look()
                self._host.pause(LOOK_SECONDS)
        except BaseException as error:  # Whatever it is, systemd starts us anew.
            print(f"nextflow-batch: {error}", flush=True)
            self.freezer.release()
            os._exit(1)


def watch(host: Host) -> None:
    """Watch this instance's scratch by the launch template's document.

    Raises:
        WorkerError: It cannot be watched.
    """
    # First of all: whoever died may have left tasks frozen.
    Tasks(host).thaw()
    settings = Settings.read(host)
    aws = partial(Service, host, settings.region)
    Watch(host, settings, Services(aws("ec2"), aws("ecs"), aws("logs"))).run()
