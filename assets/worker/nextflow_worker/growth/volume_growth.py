"""One growth of the scratch disk, step by step; it survives its own death at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from nextflow_worker.backoff import Backoff
from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.growth.ec2_calls import CallDeferredError

if TYPE_CHECKING:
    from nextflow_worker.growth.ebs_volumes import EbsVolumes
    from nextflow_worker.growth.ec2_calls import Ec2Calls
    from nextflow_worker.growth.growth_log import Entry, GrowthLog
    from nextflow_worker.growth.latency import Latency
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch

#: Creating and attaching take seconds as a rule and minutes at times; then it is given up.
GROW_SECONDS = 300
#: How long LVM and XFS may take.
EXTEND_SECONDS = 120
#: Waits after what did not work, in seconds: at first, at most.
RETRY = (0.5, 30.0)


@dataclass
class Tools:
    """What a growth works with."""

    host: Host
    calls: Ec2Calls
    growth_log: GrowthLog
    volumes: EbsVolumes
    scratch: Scratch
    latency: Latency


class VolumeGrowth:
    """A growth as a chain of states, each written down before the next is begun.

    No step waits: it says when the next is due, so several growths go on side by side.

    Attributes:
        entry: What the growth_log says.
        due: When the next step makes sense, by the host's clock.
        over: Whether it is done or undone.
        grown: Whether it is done.
        failure: Why it is being undone; empty while it is not.
        began: When this daemon took it up.
    """

    def __init__(self, tools: Tools, entry: Entry, *, fresh: bool) -> None:
        """Take up a growth.

        Args:
            tools: What to work with.
            entry: What the growth_log says.
            fresh: Whether it has just been written down: nothing was ordered yet.
        """
        self.entry = entry
        self.due = self.began = self._since = tools.host.now()
        self.over = False
        self.grown = False
        self.failure = ""
        self._tools = tools
        self._certain = fresh
        self._backoff = Backoff(*RETRY)
        self._steps: dict[str, Callable[[], None]] = {}

    def step(self) -> None:
        """Do what is next.

        Raises:
            WorkerError: It did not work; `due` says when to go on, `failure` whether it is given
                up.
        """
        state = self.entry.state
        try:
            self._steps[state]()
        except CallDeferredError as later:
            self._retry(later.seconds)
            raise
        except WorkerError as refusal:
            self._retry()
            self._fail(refusal)
            raise
        if self.entry.state != state:
            self._backoff.reset()

    @property
    def coming(self) -> bool:
        """Whether space is to be expected from it."""
        return not self.over and self.entry.state != "discard"

    def _fail(self, refusal: WorkerError) -> None:
        raise NotImplementedError

    def _go(self, state: str, wait: float = 0.0) -> None:
        """Write down a state; the next step is due after `wait` seconds."""
        self.entry.state = state
        self._tools.growth_log.note(self.entry)
        self._since = self._tools.host.now()
        self.due = self._since + wait

    def _finish(self, *, grown: bool = False) -> None:
        self._tools.growth_log.close(self.entry)
        self.over = True
        self.grown = grown

    def _retry(self, at_least: float = 0.0) -> None:
        self.due = self._tools.host.now() + max(self._backoff.next(), at_least)

    def _took(self) -> float:
        return self._tools.host.now() - self._since

    def _deadline(self) -> Deadline:
        return Deadline(self._tools.host, EXTEND_SECONDS)

    def _in_time(self, what: str) -> None:
        if self._tools.host.now() - self.began > GROW_SECONDS:
            message = f"{what}: took more than {GROW_SECONDS} s"
            raise WorkerError(message)
