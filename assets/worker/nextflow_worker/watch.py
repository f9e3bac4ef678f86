"""The daemon: watches the scratch disk and grows it before it is full."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from nextflow_worker.calls import Calls
from nextflow_worker.gauge import Gauge
from nextflow_worker.grower import Grower
from nextflow_worker.growth import Tools
from nextflow_worker.journal import Journal
from nextflow_worker.latency import Latency
from nextflow_worker.ledger import Ledger
from nextflow_worker.scratch import Scratch
from nextflow_worker.settings import Settings
from nextflow_worker.slots import Slots
from nextflow_worker.volumes import Volumes, connect

if TYPE_CHECKING:
    from typing import Any

    from nextflow_worker.host import Host

#: How often to look, in seconds: a look costs two system calls.
LOOK_SECONDS = 0.05
#: How often growths go on.
TURN_SECONDS = 0.1


class Watch:
    """Two loops: one looks at the disk, the other calls EC2 and LVM, which may take their time.

    Attributes:
        gauge: What looks.
        grower: What grows.
    """

    def __init__(
        self, host: Host, settings: Settings, client: Any, scratch: Scratch | None = None
    ) -> None:
        """Put the parts together and take up what an earlier daemon began.

        Raises:
            Refusal: What is mounted is not the scratch disk.
        """
        self._host = host
        journal = Journal()
        scratch = scratch or Scratch(host)
        calls = Calls(host, client)
        tools = Tools(host, calls, Ledger(host), Volumes(settings, calls), scratch, Latency(host))
        self.gauge = Gauge(host, scratch)
        self.grower = Grower(tools, settings, self.gauge, Slots(host, calls, journal), journal)

    def look(self) -> None:
        """Look once.

        Raises:
            Refusal: What is mounted is not the scratch disk.
        """
        self.gauge.look()

    def turn(self) -> None:
        """Let growths go on, once."""
        self.grower.turn()

    def run(self) -> None:
        """Look and grow for ever."""
        threading.Thread(target=self._look_for_ever, name="look", daemon=True).start()
        while True:
            self.turn()
            self._host.pause(TURN_SECONDS)

    def _look_for_ever(self) -> None:
        try:
            while True:
                self.look()
                self._host.pause(LOOK_SECONDS)
        except BaseException as error:  # Whatever it is, systemd starts us anew.
            print(f"nextflow-batch: {error}", flush=True)
            os._exit(1)


def watch(host: Host) -> None:
    """Watch this instance's scratch by the settings in the environment.

    Raises:
        Refusal: It cannot be watched.
    """
    settings = Settings.read(os.environ)
    Watch(host, settings, connect(settings)).run()
