"""What the daemon tells CloudWatch, and that telling never holds it up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from nextflow_worker.service import Service, ServiceError
from nextflow_worker.watch.metrics import BATCH, KEPT, METRICS, SEND_SECONDS, Metrics
from testbed.scratch import Testbed

if TYPE_CHECKING:
    pass

DOCS = Path(__file__).resolve().parents[1] / "docs" / "worker.md"
GROUP = "/nextflow-batch/lab"


def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


UNITS = set(_model("cloudwatch").shape_for("StandardUnit").enum)


class _Logs(Service):
    """A CloudWatch Logs that keeps what its model allows."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.streams: list[str] = []
        self.failure: Exception | None = None
        self.tries = 0

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        shape = _model("logs").operation_model(operation).input_shape
        problems = ParamValidator().validate(arguments, shape)
        assert not problems.has_errors(), problems.generate_report()
        {"CreateLogStream": self._create, "PutLogEvents": self._put}[operation](arguments)
        return {}

    def _create(self, arguments: dict[str, Any]) -> None:
        if arguments["logStreamName"] in self.streams:
            raise ServiceError("no", "ResourceAlreadyExistsException", 400)
        self.streams.append(arguments["logStreamName"])

    def _put(self, arguments: dict[str, Any]) -> None:
        self.tries += 1
        if self.failure:
            raise self.failure
        times = [event["timestamp"] for event in arguments["logEvents"]]
        assert times == sorted(times)
        assert times[-1] - times[0] < 24 * 3600 * 1000
        self.sizes.append(len(times))
        self.events += [json.loads(event["message"]) for event in arguments["logEvents"]]


@pytest.fixture
def testbed(tmp_path: Path) -> Testbed:
    made = Testbed(tmp_path)
    made.logs = _Logs()
    made.start(log_group=GROUP)
    return made


@pytest.fixture
def metrics(testbed: Testbed) -> Metrics:
    assert testbed.watch.metrics
    return testbed.watch.metrics


def _must_be_embedded_metrics(record: dict[str, Any]) -> None:
    """Check what the format's specification says."""
    meta = record["_aws"]
    assert isinstance(meta["Timestamp"], int)
    assert meta["Timestamp"] > 1_600_000_000_000  # Milliseconds.
    for directive in meta["CloudWatchMetrics"]:
        assert re.fullmatch(r"[A-Za-z0-9_.#/:-]{1,255}", directive["Namespace"])
        assert directive["Dimensions"]
        for keys in directive["Dimensions"]:
            assert len(keys) <= 30
            for key in keys:
                assert isinstance(record[key], str)
                assert 1 <= len(record[key]) <= 1024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert 1 <= len(metric["Name"]) <= 1024
            assert metric["Unit"] in UNITS
            assert isinstance(record[metric["Name"]], int | float)


def test_each_growth_is_told_with_its_metrics(testbed: Testbed, metrics: Metrics) -> None:
    testbed.grow()
    assert metrics.send()
    (event,) = [event for event in testbed.logs.events if event["event"] == "scratch grown"]
    _must_be_embedded_metrics(event)
    (volume,) = testbed.ec2.added
    assert event["SpaceAdded"] == volume.size * 1024**3
    assert event["Growths"] == 1
    assert event["GrowthTime"] == event["took_s"] > 8
    assert (event["deployment"], event["instance"]) == ("lab", "i-0123")
    assert event["volume"] == volume.id
    assert testbed.logs.streams == ["worker/i-0123"]


@pytest.mark.parametrize("event", METRICS)
def test_each_event_is_in_the_embedded_metric_format(
    testbed: Testbed, metrics: Metrics, event: str
) -> None:
    facts: dict[str, object] = {"added_gib": 10, "took_s": 8.5, "after_s": 3.25, "reason": "é"}
    metrics.take(event, facts)
    metrics.send()
    (entry,) = testbed.logs.events
    _must_be_embedded_metrics(entry)
    assert entry["reason"] == "é"


def test_freezes_and_faults_are_told_too(testbed: Testbed, metrics: Metrics) -> None:
    testbed.start(log_group=GROUP, freeze_seconds=30, max_size_gib=150)
    metrics = testbed.watch.metrics or metrics
    testbed.machine.rate_gib = 5
    testbed.run(120)
    metrics.send()
    kinds = {event["event"] for event in testbed.logs.events}
    assert {"scratch frozen", "scratch thawed", "scratch grown", "scratch full"} <= kinds


def test_what_cloudwatch_does_not_take_now_is_sent_later_once_and_in_order(
    testbed: Testbed, metrics: Metrics
) -> None:
    testbed.logs.failure = ServiceError("no answer")
    for number in range(3):
        metrics.take("frozen", {"number": number})
        assert not metrics.send()
    testbed.logs.failure = ServiceError("no", "ThrottlingException", 400)
    assert not metrics.send()
    testbed.logs.failure = None
    metrics.take("frozen", {"number": 3})
    assert metrics.send()
    assert [event["number"] for event in testbed.logs.events] == [0, 1, 2, 3]
    assert metrics.send()
    assert len(testbed.logs.events) == 4


def test_what_waits_is_bounded_and_the_newest_is_kept(testbed: Testbed, metrics: Metrics) -> None:
    for number in range(KEPT + 7):
        metrics.take("frozen", {"number": number})
    assert metrics.dropped == 7
    assert metrics.send()
    assert max(testbed.logs.sizes) <= BATCH
    assert testbed.logs.events[0]["number"] == 7
    assert testbed.logs.events[-1]["number"] == KEPT + 6


def test_events_of_two_days_are_sent_apart(testbed: Testbed, metrics: Metrics) -> None:
    metrics.take("frozen", {})
    testbed.machine.clock += 24 * 3600
    metrics.take("frozen", {})
    assert metrics.send()
    assert testbed.logs.sizes == [1, 1]


def test_what_can_never_be_taken_is_given_up(testbed: Testbed, metrics: Metrics) -> None:
    testbed.logs.failure = ServiceError("no", "InvalidParameterException", 400)
    metrics.take("frozen", {})
    assert metrics.send()
    assert testbed.logs.tries == 1


def test_it_is_sent_seldom_while_there_is_no_answer(testbed: Testbed, metrics: Metrics) -> None:
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 10:
            raise KeyboardInterrupt

    testbed.logs.failure = ServiceError("no answer")
    metrics.take("frozen", {})
    with pytest.raises(KeyboardInterrupt):
        metrics.send_for_ever(pause)
    first, most = SEND_SECONDS
    # Each wait is from half of its limit to all of it, and the limit doubles.
    limits = [min(first * 2**number, most) for number in range(len(waits))]
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(waits, limits, strict=True))
    assert limits[-1] == most


def test_telling_calls_nobody(testbed: Testbed) -> None:
    testbed.logs.failure = ServiceError("no answer")
    testbed.grow()
    assert testbed.logs.tries == 0
    assert testbed.machine.in_volume > 100


def test_without_a_log_group_only_the_journal_is_told(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    testbed.start(log_group="")
    testbed.grow()
    assert testbed.watch.metrics is None
    assert '"event": "scratch grown"' in capsys.readouterr().out


def test_the_metrics_are_documented_as_they_are() -> None:
    rows = re.findall(r"^\| `scratch ([\w ]+)` \| `(\w+)` \| (\w+) \|$", DOCS.read_text(), re.M)
    assert rows == [
        (event, metric.name, metric.unit)
        for event, metrics in METRICS.items()
        for metric in metrics
    ]
