"""What the head costs and what it saves, against Nextflow alone on the same local AWS.

Needs Docker and a Nextflow with its Batch plugin, as `make test-head` does.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.calls import Calls
from benchmarks.report import Figure, write
from stacks import paths
from testbed.head import HELLO, HeadTestbed, NoNextflow, head_testbed

_RUNS = 5
_TASKS = 200
_OUTAGE_SECONDS = 600
#: The least that the local Docker engine needs to run as many tasks beside each other as it has
#: patience for.
_NARROW = "executor.queueSize = 8\nprocess.container = 'nextflow-batch/task:local'\n"
_MANY = """
params.tasks = 4

process NAP {
    input: val n
    output: stdout
    script: "sleep 1; echo nap $n done"
}
workflow { channel.of(1..(params.tasks as Integer)) | NAP | view }
"""
# What the head has used up, with what it has waited for, when it starts Nextflow.
_CLOCK = """#!/bin/sh
awk '{print "ticks", $14 + $15 + $16 + $17}' /proc/1/stat
"""
_ALONE = """FROM {image}
COPY project /project
ENTRYPOINT ["nextflow"]
"""


def main() -> int:
    """Measures all figures and writes them; 1 where there is no Nextflow to measure."""
    calls = Calls()
    try:
        with calls.counting(), head_testbed(paths.ROOT / "build" / "bench-head") as testbed:
            write(
                "head",
                [
                    *_overhead(testbed),
                    *_hello(testbed, calls),
                    *_kill(testbed, calls),
                    _outage(testbed),
                ],
            )
    except NoNextflow as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _overhead(testbed: HeadTestbed) -> list[Figure]:
    """CPU and wall time from the container's start to Nextflow's."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder, "nextflow")
        clock.write_text(_CLOCK)
        clock.chmod(0o755)
        seconds = [_ticks(testbed, clock, number) / 100 for number in range(_RUNS)]
    cpu = statistics.median(seconds)
    return [
        Figure(
            metric="CPU from the container's start to Nextflow's",
            value=round(cpu, 2),
            unit="s, median",
            target="at most 0.5",
            ok=cpu <= 0.5,  # noqa: PLR2004
        )
    ]


def _ticks(testbed: HeadTestbed, clock: Path, number: int) -> int:
    variables = {
        "AWS_BATCH_JOB_ID": f"overhead-{number}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": testbed.aws.endpoint,
        "AWS_REGION": testbed.aws.region,
        "NF_JOB_QUEUE": "default",
        "NF_WORKDIR": f"s3://{testbed.bucket}/overhead/runs",
        "NF_LOGSDIR": f"s3://{testbed.bucket}/overhead/logs",
    }
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--network", "host", "--memory", "1024m"),
            *(word for pair in variables.items() for word in ("--env", "=".join(pair))),
            *("--volume", f"{clock}:/usr/local/bin/nextflow:ro", testbed.image, "hello"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[1])


def _hello(testbed: HeadTestbed, calls: Calls) -> list[Figure]:
    """Time of hello; time and calls of four tasks by the head and by Nextflow alone."""
    four = testbed.put_project("four", _MANY)
    project = testbed.put_project("hello", HELLO)
    # Not measured: it brings the image's files into memory, and tells which plugins there are.
    first = testbed.submit(project)
    testbed.end(first)
    alone = define_alone(testbed, _MANY, testbed.record(first)["versions"]["plugins"])
    hello, ours, theirs = [], [], []
    for _ in range(3):
        hello.append(_measured(testbed, calls, [project], "nextflow"))
        ours.append(_measured(testbed, calls, [four], "nextflow"))
        theirs.append(_measured(testbed, calls, ["run", "/project"], alone))
    seconds = statistics.median(taken for taken, _ in hello)
    faster = statistics.median(taken for taken, _ in ours) / statistics.median(
        taken for taken, _ in theirs
    )
    asked, plainly = (statistics.median(count for _, count in runs) for runs in (ours, theirs))
    return [
        Figure(
            metric="hello, from SubmitJob to SUCCEEDED",
            value=round(seconds, 1),
            unit="s, median",
            target="at most 12",
            ok=seconds <= 12,  # noqa: PLR2004
        ),
        Figure(
            metric="four tasks by the head against Nextflow alone, time",
            value=round(faster, 2),
            unit="times",
        ),
        Figure(metric="calls for each of four tasks, by the head", value=asked / 4, unit="calls"),
        Figure(metric="likewise by Nextflow alone", value=plainly / 4, unit="calls"),
    ]


def define_alone(testbed: HeadTestbed, pipeline: str, plugins: list[str]) -> str:
    """Registers a job definition that runs Nextflow itself, with what it needs and no more.

    Args:
        testbed: Where.
        pipeline: What it runs as `/project`.
        plugins: The plugins that the image brings, as run.json names them.
    """
    container = testbed.definition["containerProperties"]
    variables = {entry["name"]: entry["value"] for entry in container["environment"]}
    tag = "nextflow-batch-bench/alone:local"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        project.mkdir()
        (project / "main.nf").write_text(pipeline)
        (project / "nextflow.config").write_text(_plain_config(testbed, variables, plugins))
        Path(folder, "Dockerfile").write_text(_ALONE.format(image=testbed.image))
        subprocess.run(["docker", "build", "--tag", tag, folder], check=True, capture_output=True)
    testbed.batch.register_job_definition(
        jobDefinitionName="alone",
        type="container",
        containerProperties={**container, "image": tag},
    )
    return "alone"


def _plain_config(testbed: HeadTestbed, variables: dict[str, str], plugins: list[str]) -> str:
    endpoint = testbed.aws.container_endpoint
    pinned = "\n".join(f"id '{plugin}'" for plugin in plugins if plugin.startswith("nf-amazon@"))
    return f"""
    plugins {{ {pinned} }}
    workDir = 's3://{testbed.bucket}/alone'
    process.executor = 'awsbatch'
    process.queue = 'default'
    process.container = 'nextflow-batch/task:local'
    process.containerOptions = '-e AWS_ENDPOINT_URL={endpoint}'
    aws.region = '{testbed.aws.region}'
    aws.batch.cliPath = '{variables["NF_AWS_CLI"]}'
    aws.batch.jobRole = '{variables["NF_JOB_ROLE"]}'
    aws.client.endpoint = '{endpoint}'
    aws.client.s3PathStyleAccess = true
    """


def _measured(
    testbed: HeadTestbed, calls: Calls, command: list[str], definition: str
) -> tuple[float, int]:
    calls.reset()
    job = str(
        testbed.batch.submit_job(
            jobName="hello",
            jobQueue="default",
            jobDefinition=definition,
            containerOverrides={"command": command},
        )["jobId"]
    )
    done = testbed.wait(job)
    if done["status"] != "SUCCEEDED":
        raise RuntimeError("\n".join(testbed.log(done)))
    return (done["stoppedAt"] - done["createdAt"]) / 1000, calls.count()


def _kill(testbed: HeadTestbed, calls: Calls) -> list[Figure]:
    """What a run repeats whose head loses its host half-way."""
    project = testbed.put_project("many", _MANY)
    testbed.s3.put_object(
        Bucket=testbed.bucket, Key="projects/many/nextflow.config", Body=_NARROW.encode()
    )
    began = time.monotonic()
    calls.reset()
    job = testbed.submit(project, "--tasks", str(_TASKS))
    testbed.until(lambda: testbed.done(job) >= _TASKS // 2, "half of it is done", 1800)
    testbed.aws.faults.host_reclaimed(job)
    done = testbed.done(job)
    in_flight = len(testbed.tasks(job)) - done
    if testbed.wait(job, 1800)["status"] != "SUCCEEDED":
        raise RuntimeError("\n".join(testbed.log(testbed.describe(job)[0])))
    seconds = round(time.monotonic() - began)
    repeated = len(testbed.tasks(job)) - _TASKS
    return [
        Figure(
            metric=f"tasks run again after a kill at {done} of {_TASKS}",
            value=round(repeated / _TASKS, 3),
            unit="of the run",
            target=f"at most the {in_flight} in flight",
            ok=repeated <= in_flight,
        ),
        Figure(
            metric="tasks of the lost head that still run at the end",
            value=len(testbed.alive(job)),
            unit="tasks",
            target="0",
            ok=not testbed.alive(job),
        ),
        Figure(
            metric=f"{_TASKS} tasks, 8 at a time, with that kill",
            value=seconds,
            unit="s",
        ),
        Figure(
            metric="calls for each of them, S3 and all",
            value=round(calls.count() / _TASKS, 1),
            unit="calls",
        ),
        Figure(
            metric="of these to Batch", value=round(calls.count("batch") / _TASKS, 2), unit="calls"
        ),
    ]


def _outage(testbed: HeadTestbed) -> Figure:
    """Whether a run survives ten minutes in which every connection is refused."""
    job = testbed.submit(testbed.put_project("outage"), "--seconds", "30")
    testbed.until(lambda: len(testbed.alive(job)) == 4, "all tasks run")  # noqa: PLR2004
    testbed.aws.faults.refused(_OUTAGE_SECONDS)
    time.sleep(_OUTAGE_SECONDS)
    status = testbed.wait(job, 1200)["status"]
    return Figure(
        metric=f"runs that survive {_OUTAGE_SECONDS} s of refused connections",
        value=float(status == "SUCCEEDED"),
        unit="of 1",
        target="1",
        ok=status == "SUCCEEDED",
    )


if __name__ == "__main__":
    raise SystemExit(main())
