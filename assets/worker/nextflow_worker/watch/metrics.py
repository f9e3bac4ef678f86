"""What the daemon says, as structured logs and metrics in CloudWatch.

One PutLogEvents carries both: CloudWatch takes metrics out of log events in the embedded metric
format. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from nextflow_worker.backoff import Backoff
from nextflow_worker.service import ServiceError

if TYPE_CHECKING:
    from nextflow_worker.host import Host
    from nextflow_worker.service import Service
    from nextflow_worker.settings import Settings

NAMESPACE = "NextflowBatch"
#: An instance's id would make a metric of its own of each worker, and each is paid for; it is in
#: the log event.
DIMENSION = "deployment"

GIB = 1024**3
#: How often is sent, in seconds, and how seldom at least while CloudWatch does not answer.
SEND_SECONDS = (10.0, 300.0)
#: What is kept meanwhile; the oldest goes first.
KEPT = 1000
#: Of one call; far below what it takes.
#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
BATCH, SPAN_MILLISECONDS = 100, 23 * 3600 * 1000


class Metric(NamedTuple):
    """One metric of an event.

    Attributes:
        name: Its name in CloudWatch.
        unit: One of CloudWatch's units.
        fact: The fact of the event that is its value; empty to count the event.
        factor: By what the fact is multiplied.
    """

    name: str
    unit: str
    fact: str = ""
    factor: float = 1


METRICS: dict[str, tuple[Metric, ...]] = {
    "grown": (
        Metric("Growths", "Count"),
        Metric("SpaceAdded", "Bytes", "added_gib", GIB),
        Metric("GrowthTime", "Seconds", "took_s"),
    ),
    "not grown": (Metric("FailedGrowths", "Count"),),
    "growth delayed": (Metric("DelayedGrowths", "Count"),),
    "frozen": (Metric("Freezes", "Count"),),
    "thawed": (Metric("FrozenTime", "Seconds", "after_s"),),
    "full": (Metric("FullWorkers", "Count"),),
    "not frozen": (Metric("Faults", "Count"),),
    "not drained": (Metric("Faults", "Count"),),
    "attachment limit unknown": (Metric("Faults", "Count"),),
}


class Metrics:
    """Sends events to the deployment's log group, and never holds up who tells of them.

    Attributes:
        dropped: How many events were given up because too many waited.
    """

    def __init__(self, host: Host, settings: Settings, logs: Service) -> None:
        """Take a clock, where to send to, and CloudWatch Logs."""
        self.dropped = 0
        self._host = host
        self._settings = settings
        self._logs = logs
        self._stream = f"worker/{settings.instance_id}"
        self._made = False
        self._waiting: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._sending: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def take(self, event: str, facts: dict[str, object]) -> None:
        """Take in an event; it is sent later, by `send`."""
        now = int(self._host.wall() * 1000)
        record = {"timestamp": now, "message": json.dumps(self._record(event, facts, now))}
        with self._lock:
            self.dropped += len(self._waiting) == KEPT
            self._waiting.append(record)

    def send(self) -> bool:
        """Send what waits.

        Returns:
            Whether nothing waits any more.
        """
        while self._batch():
            try:
                self._put()
            except ServiceError as error:  # noqa: PERF203 - a call each time
                if error.code != "InvalidParameterException":
                    return False
                self._sending = []  # It would be refused for ever, and all behind it would wait.
        return True

    def send_for_ever(self, pause: Callable[[float], None]) -> None:
        """Send now and then, seldom while CloudWatch does not answer."""
        backoff = Backoff(*SEND_SECONDS)
        while True:
            pause(backoff.next())
            if self.send():
                backoff.reset()

    def _record(self, event: str, facts: dict[str, object], now: int) -> dict[str, object]:
        record: dict[str, object] = {
            "event": f"scratch {event}",
            "instance": self._settings.instance_id,
            DIMENSION: self._settings.deployment,
            **facts,
        }
        metrics = [
            metric for metric in METRICS.get(event, ()) if not metric.fact or metric.fact in facts
        ]
        if metrics:
            definitions = [{"Name": metric.name, "Unit": metric.unit} for metric in metrics]
            record["_aws"] = {
                "Timestamp": now,
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions}
                ],
            }
        for metric in metrics:
            value = facts[metric.fact] if metric.fact else 1
            record[metric.name] = value * metric.factor  # type: ignore[operator]
        return record

    def _batch(self) -> list[dict[str, Any]]:
        with self._lock:
            while self._waiting and len(self._sending) < BATCH:
                first = self._sending[0] if self._sending else self._waiting[0]
                if self._waiting[0]["timestamp"] - first["timestamp"] > SPAN_MILLISECONDS:
                    break
                self._sending.append(self._waiting.popleft())
        # A clock that was set back would make the order one that CloudWatch refuses.
        self._sending.sort(key=lambda record: record["timestamp"])
        return self._sending

    def _put(self) -> None:
        where = {"logGroupName": self._settings.log_group, "logStreamName": self._stream}
        if not self._made:
            self._make_stream(where)
        self._logs.call("PutLogEvents", **where, logEvents=self._sending)
        self._sending = []

    def _make_stream(self, where: dict[str, str]) -> None:
        try:
            self._logs.call("CreateLogStream", **where)
        except ServiceError as error:
            # `boot.sh` may have made it.
            if error.code != "ResourceAlreadyExistsException":
                raise
        self._made = True
