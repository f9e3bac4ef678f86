"""`nfbatch cost`: what ran where, what it cost, and what tasks should ask for."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from nfbatch import cost, hosts, month, output, prices, process_cost, spot_prices, usage
from nfbatch.capacity import Capacity, Environment
from nfbatch.error import Kind, NfbatchError
from nfbatch.rates import Rates
from nfbatch.usage import Stay, Usage
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nfbatch.cost import Cost

HOUR = 3_600_000
SPOT = Environment("spot", "cluster-spot", is_spot=True, types=("m6i", "r6i"))
ON_DEMAND = Environment("ondemand", "cluster-ondemand", is_spot=False, types=("m6i",))
CAPACITY = Capacity({"default": (SPOT, ON_DEMAND)})
HOST = "arn:aws:ecs:us-west-2:1:container-instance/cluster-ondemand/0"
TRACE = {
    "task_id": "1",
    "hash": "ab/024a59",
    "native_id": "j1",
    "name": "LAB:ALIGN (sample 7)",
    "process": "LAB:ALIGN",
    "status": "COMPLETED",
    "exit": "0",
    "realtime": "1h 30m",
    "%cpu": "150.0%",
    "peak_rss": "1.5 GB",
    "queue": "arn:aws:batch:us-west-2:1:job-queue/default",
    "cpus": "4",
    "memory": "16 GB",
    "start": "1000",
    "complete": str(1000 + 2 * HOUR),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the shipped prices."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def task(**changes: Any) -> Usage:
    """A task that ran two hours."""
    return Usage(**vars(usage.of_task(TRACE, None)) | changes)


def priced(*usages: Usage, spot: dict[str, float] | None = None) -> Cost:
    """What tasks cost in the environments above."""
    aws: Any = type("NoAws", (), {"region": "us-east-1"})()
    nowhere: Any = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "_spot", lambda *_: spot or {})
        return cost.estimate(aws, nowhere, usages, place=CAPACITY, asks_ecs=False)


def test_a_row_of_the_table_is_read_with_its_units() -> None:
    found = usage.of_task(TRACE, None)

    assert (found.process, found.queue, found.vcpus, found.memory_mib) == (
        *("LAB:ALIGN", "default"),
        *(4, 16 * 1024),
    )
    assert (found.realtime, found.cpus_used, found.peak_mib) == (5_400_000, 1.5, 1536)
    assert found.stays == (Stay(1000, 1000 + 2 * HOUR),)


@pytest.mark.parametrize("value", ["-", "", "NaN-", None])
def test_what_a_table_does_not_have_is_unknown(value: str | None) -> None:
    found = usage.of_task(dict.fromkeys(TRACE, value), None)  # type: ignore[arg-type]

    assert (found.realtime, found.cpus_used, found.peak_mib, found.stays) == (None, None, None, ())


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("345ms", 345), ("2.5s", 2500), ("1d 2h", 93_600_000), ("12345", 12345)],
)
def test_durations_are_nextflows(text: str, milliseconds: int) -> None:
    assert usage.of_task(TRACE | {"realtime": text}, None).realtime == milliseconds


def test_batch_knows_each_attempt_of_a_task() -> None:
    attempts = [
        {"startedAt": 0, "stoppedAt": HOUR, "container": {"containerInstanceArn": HOST}},
        {"statusReason": "never started", "container": {}},
        {"startedAt": 2 * HOUR, "stoppedAt": 5 * HOUR, "container": {}},
    ]
    asked = [{"type": "VCPU", "value": "8"}, {"type": "MEMORY", "value": "2048"}]
    job = {
        "jobId": "j1",
        "jobName": "ALIGN",
        "status": "SUCCEEDED",
        "jobQueue": "arn:aws:batch:us-west-2:1:job-queue/other",
        "attempts": attempts,
        "container": {"resourceRequirements": asked},
    }
    found = usage.of_task(TRACE, job)

    assert found.stays == (Stay(0, HOUR, HOST), Stay(2 * HOUR, 5 * HOUR))
    assert (found.queue, found.vcpus, found.memory_mib) == ("other", 8, 2048)
    assert found.name == TRACE["name"]


def test_a_job_belongs_to_the_process_with_the_longest_matching_name() -> None:
    job = {"jobId": "j", "jobName": "LABALIGN_sample_7", "status": "FAILED", "jobQueue": "q"}
    found = usage.of_job(job, ["LAB", "LAB:ALIGN", "LAB:ALIGN_ALL", "SORT"])

    assert found.process == "LAB:ALIGN"
    assert usage.of_job(job, []).process == "LABALIGN_sample_7"


def test_the_cluster_of_a_task_tells_its_environment() -> None:
    assert CAPACITY.find(HOST, "default") == ON_DEMAND
    assert CAPACITY.find(None, "default") == SPOT
    assert CAPACITY.find(HOST.replace("ondemand", "gone"), "default") == SPOT
    assert CAPACITY.find(None, "gone") is None


def test_a_task_costs_its_share_of_the_cheapest_instance_that_fits() -> None:
    rates = Rates(prices.load(None), {})
    # m6i.xlarge: $0.192, 4 vCPUs, 16 GiB.
    quarter = rates.find(ON_DEMAND, 1, 2048, None)
    memory = rates.find(ON_DEMAND, 1, 8 * 1024, None)
    too_large = rates.find(ON_DEMAND, 1000, 1, None)

    assert quarter
    assert memory
    assert quarter.usd == pytest.approx(0.048)
    assert memory.usd == pytest.approx(0.096)
    assert too_large is None
    assert rates.find(None, 1, 1, None) is None


def test_a_known_instance_is_not_assumed() -> None:
    rates = Rates(prices.load(None), {})
    found = rates.find(ON_DEMAND, 1, 1024, "r6i.xlarge")

    assert found
    assert found.type == "r6i.xlarge"
    assert found.usd == pytest.approx(0.252 / 4)


def test_spot_and_on_demand_are_apart() -> None:
    found = priced(
        task(),
        task(job="j2", stays=(Stay(0, HOUR, HOST),)),
        spot={"m6i.xlarge": 0.05},
    )
    (spot,), (on_demand,) = found.bought(is_spot=True), found.bought(is_spot=False)

    assert (spot.type, spot.hours) == ("m6i.xlarge", 2)
    assert spot.usd == pytest.approx(0.1)
    assert spot.on_demand_usd == pytest.approx(2 * 0.192)
    assert on_demand.usd == on_demand.on_demand_usd == pytest.approx(0.192)
    assert found.usd == pytest.approx(0.1 + 0.192)
    assert "Spot at the price halfway through the run" in found.trust


def test_without_spot_prices_spot_costs_as_on_demand_and_the_answer_says_so() -> None:
    found = priced(task())

    assert found.usd == found.on_demand_usd > 0
    assert "which is too high, as EC2 tells no Spot price" in found.trust


def test_cached_tasks_cost_nothing_and_unknown_ones_are_counted() -> None:
    found = priced(task(status="CACHED"), task(queue="gone"), task(vcpus=0, memory_mib=0))

    assert found.parts == []
    assert len(found.unpriced) == 2


def test_waste_is_what_no_resource_of_a_task_used() -> None:
    (process,) = process_cost.by_process(priced(task()))

    # 1.5 of 4 vCPUs and 1.5 of 16 GiB, for 1.5 of 2 hours.
    assert process.usd == pytest.approx(2 * 0.192)
    assert process.wasted_usd == pytest.approx(2 * 0.192 * (1 - 1.5 / 4 * 0.75))
    assert (process.tasks, process.cpus, process.cpus_used, process.peak_mib) == (1, 4, 1.5, 1536)


def test_a_suggestion_is_what_the_largest_task_used_with_room() -> None:
    (process,) = process_cost.by_process(priced(task(), task(job="j2", peak_mib=3000)))
    advice = process.suggestion

    assert advice
    assert str(advice) == "cpus = 2; memory = 4.GB"
    assert advice.saved_usd == pytest.approx(process.usd / 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"cpus_used": 3.7, "peak_mib": 14_000},
        {"cpus_used": None},
        {"peak_mib": None},
        {"status": "FAILED"},
    ],
)
def test_there_is_no_suggestion_without_a_reason(changes: dict[str, Any]) -> None:
    (process,) = process_cost.by_process(priced(task(**changes)))

    assert process.suggestion is None


def test_the_newest_price_of_each_zone_counts() -> None:
    def entry(zone: str, hour: int, price: str) -> dict[str, Any]:
        at = datetime(2026, 11, 1, hour, tzinfo=UTC)
        return {
            "InstanceType": "m6i.large",
            "AvailabilityZone": zone,
            "Timestamp": at,
            "SpotPrice": price,
            "ProductDescription": "Linux/UNIX",
        }

    pages = [
        {"SpotPriceHistory": [entry("a", 2, "0.02"), entry("a", 1, "0.09")]},
        {"SpotPriceHistory": [entry("b", 1, "0.04")]},
    ]
    asked: dict[str, Any] = {}

    class Ec2:
        def get_paginator(self, _: str) -> Ec2:
            return self

        def paginate(self, **request: Any) -> list[dict[str, Any]]:
            asked.update(request)
            return pages

    aws: Any = type("Aws", (), {"client": lambda *_: Ec2()})()

    assert spot_prices.read(aws, ["m6i.large"], HOUR) == {"m6i.large": pytest.approx(0.03)}
    assert asked["StartTime"] == asked["EndTime"] == datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert spot_prices.read(aws, [], HOUR) == {}


def test_instance_types_are_those_that_ecs_still_knows(lab: DeploymentTestbed) -> None:
    instance = {
        "containerInstanceArn": HOST,
        "attributes": [
            {"name": "ecs.availability-zone", "value": "us-west-2a"},
            {"name": "ecs.instance-type", "value": "m6i.2xlarge"},
        ],
    }
    real = lab.testbed.client("ecs")

    class Ecs:
        exceptions = real.exceptions

        def describe_container_instances(self, **request: Any) -> dict[str, Any]:
            assert request == {
                "cluster": "cluster-ondemand",
                "containerInstances": [HOST, f"{HOST}1"],
            }
            return {"containerInstances": [instance], "failures": [{"reason": "MISSING"}]}

    aws: Any = type("Aws", (), {"client": lambda *_: Ecs()})()

    assert hosts.types(aws, [f"{HOST}1", HOST, HOST]) == {HOST: "m6i.2xlarge"}
    # The local AWS has no such cluster.
    aws = type("Aws", (), {"client": lambda *_: real})()
    assert hosts.types(aws, [HOST]) == {}


def put_table(lab: DeploymentTestbed, run: str, *rows: dict[str, str]) -> None:
    """The table of a run's first attempt."""
    lines = ["\t".join(TRACE), *("\t".join(row.values()) for row in rows)]
    key = f"_nextflow/logs/run-{run}/a1/tasks.tsv"
    lab.s3.put_object(Bucket=lab.bucket, Key=key, Body="\n".join(lines).encode())


def launch(lab: DeploymentTestbed, name: str) -> str:
    """A run whose head ends at once; a test says what its tasks were."""
    (made,) = lab.nfbatch("launch", "--json", "--name", name, "s3://nowhere/at-all").json["runs"]
    lab.testbed.wait(made["id"])
    return str(made["id"])


def put_record(lab: DeploymentTestbed, run: str, **changes: Any) -> None:
    """The run.json of a run."""
    record = {
        "format": 1,
        "project": "their/project",
        "state": "SUCCEEDED",
        "started": output.now(),
        "tasks": {"completed": 1},
        "processes": {"LAB:SORT": {"completed": 1}},
        "attempts": [{"number": 1, "logs": f"{lab.document_uri('logs')}/run-{run}/a1"}],
    }
    key = f"_nextflow/logs/run-{run}/run.json"
    lab.s3.put_object(Bucket=lab.bucket, Key=key, Body=json.dumps(record | changes).encode())


@pytest.fixture(scope="module")
def hello(lab: DeploymentTestbed) -> str:
    run = launch(lab, "greetings")
    put_record(lab, run)
    return run


def submit_task(lab: DeploymentTestbed, run: str, name: str) -> str:
    """A task of a run that ends at once."""
    folder = f"{lab.document_uri('runs')}/run-{run}/work/ab/{uuid.uuid4().hex[:30]}"
    definition = lab.testbed.definition(["sh", "-c", f"sleep 0.1 # {folder}/.command.run"])
    job = lab.testbed.submit(jobName=name, jobQueue=lab.queues[1], jobDefinition=definition)
    lab.testbed.wait(job)
    return job


def test_the_cost_of_a_run(lab: DeploymentTestbed, hello: str) -> None:
    forgotten = TRACE | {"queue": lab.queues[1], "native_id": str(uuid.uuid4())}
    known = submit_task(lab, hello, "SORT_1")
    row = TRACE | {"native_id": known, "name": "SORT (1)", "process": "SORT"}
    put_table(lab, hello, forgotten, row, TRACE | {"status": "CACHED"})
    lab.s3.put_object(
        Bucket=lab.bucket, Key=f"_nextflow/runs/run-{hello}/work/ab/1/x", Body=bytes(1024)
    )
    found = lab.nfbatch("cost", "--json", hello).json
    text = lab.nfbatch("cost", hello).out
    processes = {each["process"]: each for each in found["processes"]}

    assert set(processes) == {"LAB:ALIGN", "SORT", cost.HEAD}
    # `optimal` has c6i, m6i, r6i: 4 vCPUs and 16 GiB cost least on m6i.
    assert processes["LAB:ALIGN"]["usd"] == pytest.approx(2 * 0.192)
    assert processes["LAB:ALIGN"]["hours"] == 2
    # Batch knows this task better than the table: it ran for less than a second or so.
    assert 0 < processes["SORT"]["hours"] < 0.1
    assert found["usd"] == pytest.approx(sum(each["usd"] for each in processes.values()))
    assert (found["spot_usd"], found["if_on_demand_usd"]) == (0, pytest.approx(found["usd"]))
    assert found["stored_bytes"] == 1024
    assert "Cost        $0.38" in text
    assert re.search(r"LAB:ALIGN\t1\t2\.0\t\$0\.38\d\d\t\$0\.27\d\d\t4\t1\.5\t16\.0\t1\.5\n", text)
    assert "    withName: 'LAB:ALIGN' { cpus = 2; memory = 2.GB }\n" in text
    assert "An estimate of the parts of instances that tasks reserved" in text
    assert "Not in it: workers' disks (EBS), S3 requests" in text
    assert lab.nfbatch("status", "--json", hello).json["usd"] > 2 * 0.192
    assert "Cost        about $" in lab.nfbatch("status", hello).out


def test_without_a_table_batch_is_asked_for_all_tasks(lab: DeploymentTestbed) -> None:
    run = launch(lab, "elsewhere")
    submit_task(lab, run, "LABSORT_1")
    submit_task(lab, str(uuid.uuid4()), "LABSORT_2")
    put_record(lab, run)
    found = lab.nfbatch("cost", "--json", run).json

    processes = {each["process"]: each["tasks"] for each in found["processes"]}
    assert processes == {"LAB:SORT": 1, cost.HEAD: 1}
    assert lab.nfbatch("status", "--json", run).json["usd"] is None


def test_the_cost_of_a_month_has_also_runs_that_batch_has_forgotten(
    lab: DeploymentTestbed, hello: str
) -> None:
    old, earlier = str(uuid.uuid4()), str(uuid.uuid4())
    now = output.now()
    for run, started in ((old, now), (earlier, now - 62 * 24 * HOUR)):
        put_record(lab, run, started=started)
        put_table(lab, run, TRACE | {"queue": lab.queues[1]})
    found = lab.nfbatch("cost", "--month", "--json").json
    text = lab.nfbatch("cost", "--month", f"{datetime.now(UTC):%Y-%m}").out
    runs = {each["id"]: each for each in found["runs"]}

    assert {hello, old} <= set(runs)
    assert earlier not in runs
    assert (runs[old]["name"], runs[hello]["name"]) == ("their/project", "greetings")
    assert runs[old]["usd"] == pytest.approx(2 * 0.192)
    assert found["usd"] == pytest.approx(sum(each["usd"] for each in runs.values()))
    assert "Batch has forgotten 1 of them" in text
    assert lab.nfbatch("cost", "--month", "2019-01").out.startswith("2019-01: $0.00 for 0 runs\n")


@pytest.mark.parametrize("name", ["2026-13", "2026", "0000-01", "november"])
def test_what_is_no_month_is_one_line(lab: DeploymentTestbed, name: str) -> None:
    answer = lab.nfbatch("cost", "--month", name)

    assert answer.status == Kind.BAD_INPUT
    assert answer.err.startswith(f"nfbatch: {name!r} is no month: write it as YYYY-MM, such as 20")


def test_a_month_ends_where_the_next_begins() -> None:
    assert month.bounds("2026-12") == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    with pytest.raises(NfbatchError):
        month.bounds("2026-00")
