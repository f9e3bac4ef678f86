r"""Runs a real Nextflow into each of its ends and keeps what it wrote, for test_head_endings.py.

    NEXTFLOW=/opt/nextflow/bin/nextflow NXF_PLUGINS_DIR=/opt/nextflow/plugins \
        PYTHONPATH=docker/nextflow python -m tests.support.nextflow_corpus [WAY ...]

The head runs it, as in a job; the local AWS is beside it, and tasks are processes. What is kept
are the lines of the log that may matter, with the machine's own paths taken out.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_aws.error_forms import error_answer
from local_aws.jobs import make_runner
from nextflow_head import files
from nextflow_head.origins import Origins
from stacks import paths
from tests.support.batch import Testbed, batch_testbed
from tests.support.nextflow_ways import WAYS, Fault, Way, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOGS = paths.ROOT / "tests" / "data" / "nextflow_logs"
JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
#: What a container's user would see in place of this machine's folder.
HOME = "/home/nextflow"
_SECONDS = 240
#: Without what takes time and says nothing of an end.
_BATCH_CONFIG = """\
process.container = 'nextflow-batch/task:local'
report.enabled = false
timeline.enabled = false
"""
_RECORDER = """#!/bin/sh
echo $PPID >"$RECORD/head"
echo $$ >"$RECORD/pid"
printf '%s\\0' "$@" >"$RECORD/arguments"
"$NEXTFLOW" "$@" >"$RECORD/output" 2>"$RECORD/errors" &
child=$!
echo $child >"$RECORD/nextflow"
trap 'kill -TERM $child' TERM
wait $child; status=$?
while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
cat "$RECORD/output"
cat "$RECORD/errors" >&2
echo $status >"$RECORD/status"
exit $status
"""


def main(names: list[str]) -> int:
    """Runs the ways that are named, or all."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for name in names or list(WAYS):
        with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
            print(f"{name:32}", end="", flush=True)
            try:
                print(_run(WAYS[name], Path(folder), LOGS / f"{name}.log"), flush=True)
            except Exception as error:
                print("ERROR", repr(error), flush=True)
    return 0


def _run(way: Way, folder: Path, target: Path) -> str:
    """Runs one way and returns the head's last line."""
    prepare(way, folder)
    with (
        _host(way.host, way.host_headers) as host,
        batch_testbed(make_runner(folder / "state", docker=False), stop_timeout=5) as testbed,
    ):
        queue = _furnish(testbed, way, folder)
        head = subprocess.Popen(
            [sys.executable, "-m", "nextflow_head", *_arguments(way, folder, host)],
            env=_variables(way, folder, host, testbed, queue),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        timer = threading.Timer(_SECONDS, head.kill)
        timer.start()
        if way.during:
            threading.Thread(
                target=_disturb, args=(way.during, folder, testbed), daemon=True
            ).start()
        _, errors = head.communicate()
        timer.cancel()
    if not (folder / "status").is_file():
        return f"NEXTFLOW DID NOT END: {errors[-500:]}"
    _keep(way, folder, host, target)
    return f"{head.returncode} {errors.splitlines()[-1]}"


def _furnish(testbed: Testbed, way: Way, folder: Path) -> str:
    s3 = testbed.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    for bucket in ("bucket", "other-lab", "results"):
        s3.create_bucket(Bucket=bucket, **place)
    s3.put_object(Bucket="other-lab", Key="x.fq", Body=b"x")
    files = dict(way.files)
    if way.batch:
        config = files.get("nextflow.config", "")
        files["nextflow.config"] = f"{_BATCH_CONFIG}{config}"
    for name, text in files.items():
        s3.put_object(Bucket="bucket", Key=f"project/{name}", Body=text.encode())
    for key, content in way.extra.items():
        s3.put_object(Bucket="bucket", Key=key, Body=content)
    testbed.client("logs").create_log_group(logGroupName="/nextflow")
    testbed.batch.create_job_queue(
        jobQueueName="disabled",
        state="DISABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": testbed.environment()}],
    )
    if way.fault:
        _inject(testbed, way.fault, folder / "pid")
    return testbed.queue()


def _inject(testbed: Testbed, fault: Fault, started: Path) -> None:
    faults, before = testbed.server.faults, testbed.server.faults.answer_of
    headers, body = error_answer(fault.service, fault.code, fault.message)

    def answer(service: str, path: str) -> Any:
        if started.exists() and service == fault.service and path.startswith(fault.path):
            return f"{fault.status} {fault.code}", headers, body
        return before(service, path)

    faults.answer_of = answer  # type: ignore[method-assign]


def _arguments(way: Way, folder: Path, host: str) -> list[str]:
    own = [] if way.batch else ["-process.executor=local", "-w", "work"]
    replaced = {
        "PROJECT": "s3://bucket/project",
        "HOST": host,
        "REPOSITORY": f"{folder}/repository",
    }
    words = [re.sub("PROJECT|HOST|REPOSITORY", lambda m: replaced[m[0]], w) for w in way.arguments]
    work = way.variables.get("WORK")
    return [*words, *own, *(["-w", work] if work else [])]


def _variables(way: Way, folder: Path, host: str, testbed: Testbed, queue: str) -> dict[str, str]:
    recorder = folder / "bin" / "nextflow"
    recorder.parent.mkdir()
    recorder.write_text(_RECORDER)
    recorder.chmod(0o755)
    plugins = folder / "plugins"
    plugins.mkdir()
    for plugin in Path(os.environ["NXF_PLUGINS_DIR"]).iterdir():
        # Without the cache in S3 the head starts Nextflow once.
        if not plugin.name.startswith("nf-cloudcache"):
            (plugins / plugin.name).symlink_to(plugin.resolve())
    return {
        "PATH": f"{recorder.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(paths.ROOT / "docker" / "nextflow"),
        "NEXTFLOW": os.environ["NEXTFLOW"],
        "RECORD": str(folder),
        "NXF_PLUGINS_DIR": str(plugins),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": testbed.endpoint,
        "AWS_REGION": "us-west-2",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_BATCH_JOB_ID": JOB,
        "NF_JOB_QUEUE": queue,
        "NF_WORKDIR": "s3://bucket/runs",
        "NF_LOGSDIR": "s3://bucket/logs",
        "NF_LOG_GROUP": "/nextflow",
        "NF_AWS_CLI": str(folder / "state" / "worker" / "opt" / "aws-cli" / "bin" / "aws"),
        **{name: value.replace("HOST", host) for name, value in way.variables.items()},
    }


def _disturb(what: str, folder: Path, testbed: Testbed) -> None:
    log = next(_found(folder.glob, ".nextflow-head/*/uploads/a1/.nextflow.log"))
    if what == "failed-pull":
        testbed.server.faults.failed_pull()
        return
    while "submitted" not in log.read_text() and "Submitted process" not in log.read_text():
        time.sleep(0.2)
    if what == "reclaimed":
        _reclaim(testbed)
    else:
        time.sleep(1)
        file = {"killed": "nextflow", "terminated": "pid", "cancelled": "head"}[what]
        sent = signal.SIGKILL if what == "killed" else signal.SIGTERM
        os.kill(int((folder / file).read_text()), sent)


def _reclaim(testbed: Testbed) -> None:
    for _ in range(100):
        for job in list(testbed.inside.state.jobs):
            with suppress(Exception):  # it does not run yet, or any more
                testbed.server.faults.host_reclaimed(job)
        time.sleep(0.5)


def _found(look: Any, pattern: str) -> Iterator[Path]:
    while not (found := list(look(pattern))):
        time.sleep(0.1)
    yield from found


@contextmanager
def _host(status: int | None, headers: Mapping[str, str]) -> Iterator[str]:
    """A Git host that gives every request the same answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status or 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()


def _keep(way: Way, folder: Path, host: str, target: Path) -> None:
    """Writes what Nextflow said: a header, what it printed, its log."""
    arguments = (folder / "arguments").read_text().split("\0")
    typed = _arguments(way, folder, host)
    local = files.whole([word for word in arguments if word][-len(typed) :], folder)
    log = next(iter(folder.glob(".nextflow-head/*/uploads/a1/.nextflow.log")), None)
    header = {
        "status": int((folder / "status").read_text()),
        "typed": Origins.of(typed, local, folder).typed,
        "arguments": shlex.join(typed),
        "log": log is not None,
        "signal": "SIGTERM" if way.during == "cancelled" else None,
    }
    printed = "".join(
        (folder / name).read_text(errors="replace")[-8000:] for name in ("output", "errors")
    )
    text = f"{json.dumps(header)}\n--- output\n{printed}\n--- .nextflow.log\n{_excerpt(log)}"
    target.write_text(_anonymous(text, folder, host))


_ENTRY = re.compile(r"[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d\.\d{3} \[")
_LAST = 10
_KEPT = re.compile(
    r"\] (?:ERROR|WARN) |aborted|Parsing config file|Failed to create directory|AWS BATCH|Handling unexpected|N E X T F L O W|Launching|Start plugin"
)


def _excerpt(log: Path | None) -> str:
    """The entries that could tell why it ended, their stack traces cut."""
    if log is None:
        return ""
    entries: list[list[str]] = []
    for line in log.read_text(errors="replace").splitlines():
        if _ENTRY.match(line) or not entries:
            entries.append([])
        entries[-1].append(line)
    kept = [
        *(entry for entry in entries[:-_LAST] if _KEPT.search(entry[0])),
        *entries[-_LAST:],
    ]
    return "\n".join("\n".join(_cut(entry)) for entry in kept) + "\n"


def _cut(entry: list[str]) -> list[str]:
    frames = 0
    cut = []
    for line in entry[:400]:
        frames = frames + 1 if re.match(r"\s+(?:at |\.\.\. \d)", line) else 0
        if frames <= 3 or "_nf_script_" in line or "(Main:" in line:
            cut.append(line[:1500])
    return cut[:120]


def _anonymous(text: str, folder: Path, host: str) -> str:
    text = text.replace(str(folder), HOME).replace(folder.name, "nextflow")
    text = text.replace(host, "http://git.example.org")
    text = re.sub(r"localhost:\d+|127\.0\.0\.1:\d+", "aws.example.org", text)
    text = text.replace(str(Path(os.environ["NXF_PLUGINS_DIR"])), "/opt/nextflow/plugins")
    return text.replace(str(Path(os.environ["NEXTFLOW"]).parents[1]), "/opt/nextflow")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
