"""Ten thousand tasks that do nothing: what the head needs for them, against Nextflow alone.

Needs Docker and a Nextflow with its Batch plugin, as `make test-head` does. The tasks are not
run: each ends at once and leaves behind what Nextflow looks for.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from moto.s3.models import s3_backends

import docker
from benchmarks.calls import Calls
from benchmarks.head import define_alone
from benchmarks.report import Figure, write
from local_aws.batch.docker_runner import DockerRunner
from local_aws.batch.runner import Container, ContainerSpec, Exit
from local_aws.server import ACCOUNT
from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TASKS = int(os.environ.get("TASKS") or 10_000)
_MEMORY_MIB = 8192
_HOURS = 3600
_TASK_IMAGE = "nextflow-batch/task:local"
_PIPELINE = """
params.tasks = 1

process NOTHING {
    input: val n
    script: "true"
}
workflow { channel.of(1..(params.tasks as int)) | NOTHING }
"""
_WORK = re.compile(r"s3://?([^/\s]+)/(\S+)/\.command\.run")
#: As the wrapper of a task writes it.
_TRACE = (
    b"nextflow.trace/v2\nrealtime=5\n%cpu=100\ncpu_model=none\nrchar=1\nwchar=1\nsyscr=1\nsyscw=1\n"
)
_LEFT_BEHIND = {
    ".command.begin": b"",
    ".command.err": b"",
    ".command.log": b"",
    ".command.out": b"",
    ".command.trace": _TRACE,
    ".exitcode": b"0",
}


class _Nothing:
    """The container of a task that does nothing; see `Container`."""

    def __init__(self, spec: ContainerSpec) -> None:
        found = _WORK.search(" ".join(spec.command))
        if not found:
            raise ValueError(f"no work directory in {spec.command}")
        for name, content in _LEFT_BEHIND.items():
            s3_backends[ACCOUNT]["aws"].put_object(found[1], f"{found[2]}/{name}", content)

    def wait(self) -> Exit:
        return Exit(code=0)

    def stop(self) -> None: ...

    def kill(self) -> None: ...


@contextmanager
def _tasks_do_nothing() -> Iterator[None]:
    start = DockerRunner.start

    def starting(
        this: DockerRunner, spec: ContainerSpec, on_line: Callable[[str], None]
    ) -> Container:
        return _Nothing(spec) if spec.image == _TASK_IMAGE else start(this, spec, on_line)

    DockerRunner.start = starting  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        DockerRunner.start = start  # type: ignore[method-assign]


@dataclass
class _Use:
    """What a head's container has used, as far as has been seen.

    Attributes:
        memory: The most memory at a time, in MiB, without what the kernel would give back.
        cpu: Seconds of CPU.
    """

    memory: float = 0
    cpu: float = 0


@contextmanager
def _watching(name: str) -> Iterator[_Use]:
    """Looks once a second at the container whose name begins so."""
    use, over = _Use(), Event()

    def watch() -> None:
        client = docker.from_env()
        while not over.wait(1):
            for container in client.containers.list(filters={"name": name}):
                seen = container.stats(stream=False, one_shot=True)
                memory = seen["memory_stats"]
                if not memory:
                    continue
                used = memory["usage"] - memory["stats"].get("inactive_file", 0)
                use.memory = max(use.memory, used / 2**20)
                use.cpu = seen["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9

    thread = Thread(target=watch)
    thread.start()
    try:
        yield use
    finally:
        over.set()
        thread.join()


def main() -> int:
    """Measures both and writes the figures; 1 where there is no Nextflow to measure."""
    calls = Calls()
    try:
        with (
            calls.counting(),
            _tasks_do_nothing(),
            head_testbed(paths.ROOT / "build" / "bench-scale") as testbed,
        ):
            project = testbed.put_project("scale", _PIPELINE)
            first = testbed.submit(project)
            testbed.end(first)
            plugins = testbed.record(first)["versions"]["plugins"]
            alone = define_alone(testbed, _PIPELINE, plugins)
            figures = _run(testbed, calls, "head", [project], "nextflow")
            # Already now: what follows takes as long again.
            write("scale", figures)
            write("scale", figures + _run(testbed, calls, "alone", ["run", "/project"], alone))
    except NoNextflow as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _run(
    testbed: HeadTestbed, calls: Calls, who: str, command: list[str], definition: str
) -> list[Figure]:
    calls.reset()
    began = time.monotonic()
    with _watching("batch-head-") as use:
        job = testbed.submit(
            *command, "--tasks", str(_TASKS), definition=definition, memory=_MEMORY_MIB
        )
        done = testbed.wait(job, 4 * _HOURS)
    if done["status"] != "SUCCEEDED":
        raise RuntimeError("\n".join(testbed.log(done)[-50:]))
    submitted = calls.made["batch", "submitjob"]
    # On a busy machine a client repeats what was not answered in time.
    if len(submitted) < _TASKS:
        raise RuntimeError(f"{len(submitted)} tasks were submitted")

    def figure(metric: str, value: float, unit: str) -> Figure:
        return Figure(metric=f"{who}: {metric}", value=value, unit=unit)

    return [
        figure(f"{_TASKS} tasks", round(time.monotonic() - began), "s"),
        figure("submissions", round(_TASKS / (submitted[-1] - submitted[0]), 1), "a second"),
        figure("memory", round(use.memory), "MiB at most"),
        figure("CPU", round(use.cpu), "s"),
        figure("CPU for each task", round(1000 * use.cpu / _TASKS, 1), "ms"),
        figure("calls for each task", round(calls.count() / _TASKS, 2), "calls"),
        *(
            figure(f"{service} {operation}", round(len(times) / _TASKS, 3), "for each task")
            for (service, operation), times in sorted(calls.made.items())
            if len(times) >= _TASKS / 1000
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
