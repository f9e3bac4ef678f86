"""What a task pays to move files: our client, the AWS CLI 2, and the bare SDK, in turn.

All three talk to the same store on loopback, so what differs is theirs. Debian's AWS CLI
(`apt-get install awscli`) or another version 2 on the PATH is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from assets.go_program import TASK_S3, go
from benchmarks.report import Figure, write
from benchmarks.s3_store import Store, store

if TYPE_CHECKING:
    from collections.abc import Iterator

_CP = ("s3", "cp", "--only-show-errors")
_UP = (*_CP, "--storage-class", "STANDARD")
_FILES = 1_000
_FASTER = 15
_SLOWER_MS = 10

#: Runs commands on behalf of the benchmark: what a process was at its start counts into its child's
#: peak of memory, and this one is small.
_LAUNCHER = """
import json, os, sys, time
for line in sys.stdin:
    command = json.loads(line)
    begin = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - begin
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps([status, wall, cpu, used.ru_maxrss / 1024]), flush=True)
"""


class Cost(NamedTuple):
    """What one command cost.

    Attributes:
        wall: Seconds.
        cpu: Seconds of processor.
        peak: MiB of memory.
        calls: Requests to S3.
    """

    wall: float
    cpu: float
    peak: float
    calls: int


@dataclass(frozen=True)
class Case:
    """Something that is moved.

    Attributes:
        name: What.
        aws: The arguments of `aws`.
        bare: The bare client's, where one call does the same.
        runs: How often.
        is_small: Whether the start of the client is most of it.
    """

    name: str
    aws: tuple[str, ...]
    bare: tuple[str, ...] | None
    runs: int
    is_small: bool = False


def _cases() -> Iterator[Case]:
    for name, runs in (("1 KiB", 15), ("10 MiB", 7), ("1 GiB", 3)):
        file = name.replace(" ", "")
        small = name == "1 KiB"
        up, down = f"s3://bucket/up-{file}", f"s3://bucket/{file}"
        yield Case(
            f"put {name}", (*_UP, file, up), ("put", "bucket", f"up-{file}", file), runs, small
        )
        yield Case(f"get {name}", (*_CP, down, "got"), ("get", "bucket", file, "got"), runs, small)
    yield Case("ls", ("s3", "ls", "s3://bucket/1KiB"), ("ls", "bucket", "1KiB", ""), 15, True)
    folder = (*_UP, "--recursive", "folder", "s3://bucket/folder")
    yield Case(f"put {_FILES:,} files", folder, None, 3)
    yield Case(
        f"get {_FILES:,} files", (*_CP, "--recursive", "s3://bucket/folder", "copied"), None, 3
    )


class Launcher:
    """Runs commands one by one and tells what they cost."""

    def __init__(self, folder: Path, served: Store) -> None:
        self._store = served
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-west-2",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": served.url,
            "AWS_CONFIG_FILE": os.devnull,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: list[str]) -> Cost:
        """Run one.

        Raises:
            RuntimeError: It failed.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("there are no pipes")
        self._store.calls()
        print(json.dumps(command), file=self._process.stdin, flush=True)
        lines = iter(self._process.stdout.readline, "")
        # What a listing prints comes before the answer.
        answer = next(line for line in lines if line.startswith("["))
        status, wall, cpu, peak = json.loads(answer)
        if status:
            raise RuntimeError(f"{command} ended with {status}")
        return Cost(wall, cpu, peak, self._store.calls())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def _version_2() -> str:
    candidates = filter(None, ["/usr/bin/aws", shutil.which("aws")])
    for found in candidates:
        if not Path(found).exists():
            continue
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        if said.stdout.startswith("aws-cli/2"):
            print(f"against {said.stdout.strip()}", file=sys.stderr)
            return found
    sys.exit("there is no AWS CLI 2 to compare with: apt-get install awscli")


def _bare(folder: Path) -> str:
    target = folder / "bare"
    source = Path(__file__).with_name("s3_bare") / "main.go"
    subprocess.run(
        [go(), "build", "-o", str(target), str(source)],
        cwd=TASK_S3.sources,
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        check=True,
    )
    return str(target)


def _prepare(objects: Path, work: Path) -> None:
    for name, size in (("1KiB", 1 << 10), ("10MiB", 10 << 20), ("1GiB", 1 << 30)):
        block = os.urandom(min(size, 1 << 20))
        with (work / name).open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
        shutil.copy(work / name, objects / name)
    (work / "folder").mkdir()
    for number in range(_FILES):
        (work / "folder" / f"{number}.txt").write_bytes(os.urandom(1024))
        shutil.copy(work / "folder" / f"{number}.txt", objects / f"folder%2F{number}.txt")


def _measured(case: Case, clients: dict[str, list[str]], launcher: Launcher) -> list[Figure]:
    commands = {
        name: [*start, *(case.bare or () if name == "bare" else case.aws)]
        for name, start in clients.items()
        if name != "bare" or case.bare
    }
    for command in commands.values():
        launcher.run(command)
    runs = [
        {name: launcher.run(command) for name, command in commands.items()}
        for _ in range(case.runs)
    ]
    faster = statistics.median(run["cli"].wall / run["ours"].wall for run in runs)
    figures = [
        Figure(
            metric=f"{case.name}: AWS CLI over ours",
            value=round(faster, 1),
            unit="times",
            target=f"at least {_FASTER}" if case.is_small else "",
            ok=faster >= _FASTER or not case.is_small,
        )
    ]
    if case.bare:
        above = statistics.median(1000 * (run["ours"].wall - run["bare"].wall) for run in runs)
        figures.append(
            Figure(
                metric=f"{case.name}: ours above the bare SDK",
                value=round(above, 1),
                unit="ms",
                target=f"at most {_SLOWER_MS}" if case.is_small else "",
                ok=above <= _SLOWER_MS or not case.is_small,
            )
        )
    for name in commands:
        for field, unit, digits in (
            ("wall", "s", 4),
            ("cpu", "s", 3),
            ("peak", "MiB", 0),
            ("calls", "calls", 0),
        ):
            value = statistics.median(getattr(run[name], field) for run in runs)
            figures.append(
                Figure(
                    metric=f"{case.name}: {name}, {field}", value=round(value, digits), unit=unit
                )
            )
    return figures


def main() -> None:
    """Move everything with each client in turn, and report ratios pair by pair."""
    cli = _version_2()
    place = Path("build/bench")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary).resolve()
        objects, work = folder / "objects", folder / "work"
        objects.mkdir()
        work.mkdir()
        _prepare(objects, work)
        ours, bare = str(TASK_S3.here()), _bare(folder)
        with store(objects) as served, Launcher(work, served) as launcher:
            # Debian's AWS CLI 2.9 does not know AWS_ENDPOINT_URL.
            endpoint = ["--endpoint-url", served.url]
            clients = {"ours": [ours, *endpoint], "cli": [cli, *endpoint], "bare": [bare]}
            figures = [figure for case in _cases() for figure in _measured(case, clients, launcher)]
    write("s3", figures)


if __name__ == "__main__":
    main()
