"""Back-pressure: tasks stand still rather than meet a full disk while space is on its way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable

from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.events import Events
    from nextflow_worker.growth.disk_usage import Reading
    from nextflow_worker.host import Host
    from nextflow_worker.watch.task_cgroups import Tasks

#: Never less than this is left, in GiB: the agent, Docker and logs go on writing.
LEAST_GIB = 2.0
#: How long it takes from a look to the standstill of all tasks, in seconds: measured 0.02 to 0.3.
STOP_SECONDS = 0.4
#: No burst is believed that would keep more than this share of scratch from being used.
MOST = 0.25
#: Tasks go on when there is so much more than the reserve, so that they do not stutter.
SLACK = 1.5


class TaskFreezer:
    """Freezes tasks when too little is free, and thaws them when space came.

    Attributes:
        frozen: Whether tasks stand still.
    """

    def __init__(
        self,
        host: Host,
        tasks: Tasks,
        events: Events,
        *,
        seconds: float,
        hopeful: Callable[[], bool],
    ) -> None:
        """Begin with tasks that run, whatever an earlier daemon left.

        Args:
            host: Whose clock counts.
            tasks: What to freeze.
            events: What to tell.
            seconds: For how long tasks may stand still from one growth to the next; then they go
                on and meet what comes.
            hopeful: Tells whether space can be expected.

        Raises:
            WorkerError: The kernel does not let tasks go on.
        """
        self.frozen = False
        self._host = host
        self._tasks = tasks
        self._events = events
        self._seconds = seconds
        self._hopeful = hopeful
        self._looked = self._since = host.now()
        self._spent = 0.0
        self._total = 0.0
        self._refused = ""
        self._ended = False
        # It is judged in one thread and released in another.
        self._lock = threading.Lock()
        tasks.thaw()

    def elapsed(self) -> float:
        """Return for how many seconds tasks have stood still since the last look."""
        now = self._host.now()
        elapsed, self._looked = now - self._looked, now
        if not self.frozen:
            return 0.0
        self._spent += elapsed
        return elapsed

    def judge(self, reading: Reading) -> None:
        """Freeze or thaw, as a reading demands.

        Raises:
            WorkerError: The kernel does not let tasks go on.
        """
        with self._lock:
            if not self._ended:
                self._judge(reading)

    def _judge(self, reading: Reading) -> None:
        burst = min(reading.burst * STOP_SECONDS, reading.total * MOST)
        reserve = max(LEAST_GIB, burst) + reading.dirty
        if reading.total > self._total:
            self._total, self._spent = reading.total, 0.0
        if not self.frozen:
            if reading.free < reserve and self._spent < self._seconds and self._hopeful():
                self._freeze(reading, reserve)
        elif reading.free >= reserve * SLACK:
            self._thaw(reading, "there is space again")
        elif self._spent >= self._seconds:
            self._thaw(reading, f"no space was added in {self._seconds:.0f} s")
        elif not self._hopeful():
            self._thaw(reading, "scratch cannot grow any more")

    def release(self) -> None:
        """Let tasks go on for good, as this daemon ends."""
        with self._lock:
            self._ended = True
            self.frozen = False
            self._tasks.thaw()

    def _freeze(self, reading: Reading, reserve: float) -> None:
        try:
            self._tasks.freeze()
        except WorkerError as refusal:
            if str(refusal) != self._refused:
                self._refused = str(refusal)
                self._events.emit("not frozen", reason=self._refused)
            return
        self.frozen, self._since, self._refused = True, self._host.now(), ""
        self._events.emit(
            "frozen",
            free_gib=round(reading.free, 1),
            reserve_gib=round(reserve, 1),
            rate_gib_s=round(reading.burst, 2),
        )

    def _thaw(self, reading: Reading, why: str) -> None:
        self._tasks.thaw()
        self.frozen = False
        self._events.emit(
            "thawed",
            after_s=round(self._host.now() - self._since, 1),
            free_gib=round(reading.free, 1),
            reason=why,
        )
