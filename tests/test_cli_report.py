"""`nfbatch report` and `nfbatch open`."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from nfbatch import console_urls, cost, gantt, process_cost, report_page
from nfbatch.capacity import Capacity, Environment
from nfbatch.deployment import Deployment
from nfbatch.error import Kind
from nfbatch.report import Failure, Report
from nfbatch.run import Run
from nfbatch.s3_uri import S3Uri
from nfbatch.task_files import TaskFiles
from nfbatch.usage import Stay, Usage
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3_600_000
JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
#: What would do harm in a page that does not escape.
HOSTILE = "</pre></title><script>alert(1)</script><img src=http://x/ onerror=alert(1)>&\"'"
VOID = {"meta", "rect"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


class Page(HTMLParser):
    """What a browser makes of a page.

    Attributes:
        tags: The names of its elements.
        addresses: What it would load.
        text: Its text.
        unclosed: The elements that are open.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []
        self.text = ""
        self.unclosed: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def usage(number: int, **changes: Any) -> Usage:
    """A task that ran an hour."""
    values: dict[str, Any] = {
        "name": f"ALIGN (sample {number})",
        "process": "ALIGN",
        "status": "COMPLETED",
        "job": f"j{number}",
        "exit": "0",
        "hash": "ab/cdef01",
        "queue": "default",
        "vcpus": 4,
        "memory_mib": 16 * 1024,
        "stays": (Stay(0, HOUR),),
        "realtime": HOUR,
        "cpus_used": 1.0,
        "peak_mib": 1024.0,
    }
    return Usage(**values | changes)


def report(*usages: Usage, failures: tuple[Failure, ...] = (), **job: Any) -> Report:
    """A report of a run that failed."""
    aws: Any = type("NoAws", (), {"region": "us-east-1"})()
    nowhere: Any = None
    environment = Environment("e", "c", is_spot=False, types=("m6i",))
    place = Capacity({"default": (environment,)})
    found = cost.estimate(aws, nowhere, usages, place=place, asks_ecs=False)
    described = {
        "jobId": JOB,
        "jobName": "trial",
        "status": "FAILED",
        "jobQueue": "queue/heads",
        "createdAt": 0,
        "startedAt": 0,
        "stoppedAt": HOUR,
        "container": {"command": ["hello"]},
    }
    return Report(
        head=Run(described | job),
        record={"tasks": {"completed": 2, "failed": 1}, "arguments": ["hello", "--x", HOSTILE]},
        usages=usages,
        cost=found,
        processes=process_cost.by_process(found),
        failures=failures,
        made=HOUR,
    )


def files(text: str) -> TaskFiles:
    """What a failed task left."""
    return TaskFiles(S3Uri("b", "runs/work/ab/cdef01"), text, text, text, "1")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the shipped prices."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_other_peoples_text_is_only_text() -> None:
    bad = usage(1, name=HOSTILE, process=HOSTILE, status="FAILED", exit=HOSTILE, job=HOSTILE)
    made = report(
        bad,
        usage(2),
        failures=(Failure(bad, files(HOSTILE)), Failure(bad, None)),
        jobName=HOSTILE,
        statusReason=HOSTILE,
        container={"environment": [{"name": "NF_OWNER", "value": HOSTILE}]},
        tags={"nextflow-outcome": HOSTILE},
    )
    page = Page(report_page.render(made))

    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "a"})
    assert page.addresses == []
    assert page.unclosed == []
    assert page.text.count(HOSTILE) > 5


def test_the_page_needs_nothing_else_and_runs_no_script() -> None:
    text = report_page.render(report(usage(1)))

    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not re.search(r"url\(|@import", text)


def test_the_end_of_what_a_failed_task_wrote_is_shown() -> None:
    lines = "\n".join(f"line {number}" for number in range(1000))
    bad = usage(1, status="FAILED", exit="137")
    text = Page(report_page.render(report(bad, failures=(Failure(bad, files(lines)),)))).text

    assert "ALIGN (sample 1): exit status 137" in text
    assert "line 999" in text
    assert "line 900" not in text


def test_cost_and_suggestion_of_each_process_are_in_the_table() -> None:
    text = report_page.render(report(usage(1), usage(2, process="SORT")))

    assert text.count("<td>$0.1920</td>") == 2
    assert "<code>cpus = 1; memory = 2.GB</code>" in text
    assert "An estimate of the parts of instances that tasks reserved" in text


def test_tasks_that_ran_at_once_have_lines_of_their_own() -> None:
    stays = [(0, 10), (5, 20), (10, 30), (12, 14), (20, 40)]
    usages = [usage(n, stays=(Stay(*stay),)) for n, stay in enumerate(stays)]
    rows = re.findall(r' x="([\d.]+)" y="(\d+)" width="([\d.]+)"', gantt.chart(usages))

    assert [(float(x), int(y) // 10, float(w)) for x, y, w in rows] == [
        (0, 0, 250),
        (125, 1, 375),
        (250, 0, 500),
        (300, 2, 50),
        (500, 1, 500),
    ]
    assert "5 tasks, 3 at once" in gantt.chart(usages)
    assert gantt.chart([]) == "<p>No task has run.</p>"


def test_a_report_is_a_file_and_its_name_is_printed(
    lab: DeploymentTestbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (made,) = lab.nfbatch("launch", "--json", "--name", "wrong", "s3://nowhere/at-all").json["runs"]
    run = made["id"]
    lab.testbed.wait(run)
    answer = lab.nfbatch("report", run)
    chosen = lab.nfbatch("report", run, "-o", "chosen.html")
    refused = lab.nfbatch("report", run, "-o", "no/folder.html")
    page = Page((tmp_path / f"wrong-{run[:8]}.html").read_text())
    urls = lab.nfbatch("open", run, "--json").json["console"]

    assert (answer.status, answer.out) == (0, f"wrong-{run[:8]}.html\n")
    assert chosen.out == "chosen.html\n"
    assert "BAD_INPUT" in page.text
    assert "nowhere" in page.text
    assert (refused.status, refused.err) == (
        Kind.BAD_INPUT,
        "nfbatch: no/folder.html cannot be written: No such file or directory: choose another"
        " --output\n",
    )
    assert sorted(path.name for path in tmp_path.glob("*.html")) == [
        *("chosen.html", f"wrong-{run[:8]}.html")
    ]
    assert sorted(urls) == ["files", "job", "log"]
    assert lab.nfbatch("open", run).out.splitlines()[0] == f"Job    {urls['job']}"


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("us-west-2", "us-west-2.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_is_that_of_the_partition(region: str, domain: str) -> None:
    target = Deployment(
        name="lab",
        job_definition="nextflow",
        head_queue="heads",
        queues=("heads",),
        logs=S3Uri("bucket", "_nextflow/logs"),
        runs=S3Uri("bucket", "_nextflow/runs"),
        uploads=S3Uri("bucket", "_nextflow/launch"),
        log_group="/nextflow/lab",
    )
    head = Run({"jobId": JOB, "container": {"logStreamName": "nextflow/default/[1]"}})

    assert console_urls.of_run(target, head, region) == {
        "job": f"https://{domain}/batch/home?region={region}#jobs/detail/{JOB}",
        "files": f"https://{domain}/s3/buckets/bucket?region={region}"
        f"&prefix=_nextflow%2Flogs%2Frun-{JOB}%2F&showversions=false",
        "log": f"https://{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        "$252Fnextflow$252Flab/log-events/nextflow$252Fdefault$252F$255B1$255D",
    }
    assert "log" not in console_urls.of_run(target, Run({"jobId": JOB}), region)
