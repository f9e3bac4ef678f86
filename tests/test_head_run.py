"""The head as a program: arguments, exit statuses, signals, what it says and what it leaves.

A recording `nextflow` stands on PATH; S3 is a server of its own, as the head is another process.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

PACKAGE = Path(__file__).parents[1] / "docker" / "nextflow"
JOB = "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
RUN = f"run-{JOB}-a1"
RESUMED = "5b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
SESSION = str(uuid.uuid5(uuid.NAMESPACE_URL, f"aws-batch-job:{JOB}"))
LOGS = f"logs/run-{JOB}/a1"
RECORD = f"logs/run-{JOB}/run.json"

# What it was called with, separated by NUL, which no argument can hold; then what a test wants.
RECORDER = """#!/bin/sh
printf '%s\\0' "$@" >"$RECORD/arguments"
env -0 >"$RECORD/environment"
pwd >"$RECORD/folder"
eval "$BEHAVIOUR"
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-west-2",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    yield client
    for item in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=item["Key"])
    client.delete_bucket(Bucket="bucket")


@dataclass
class Head:
    """A head to start in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def start(
        self, *arguments: str, behaviour: str = "", **changes: str
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "nextflow_head", *arguments],
            env=self.environment | {"BEHAVIOUR": behaviour} | changes,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, behaviour: str = "", **changes: str) -> tuple[int, str, str]:
        """Runs it and returns its status, output and errors."""
        with self.start(*arguments, behaviour=behaviour, **changes) as process:
            output, errors = process.communicate(timeout=60)
            return process.returncode, output, errors

    def started(self) -> bool:
        return (self.folder / "folder").exists()

    def arguments(self) -> list[str]:
        return (self.folder / "arguments").read_text().split("\0")[:-1]

    def variables(self) -> dict[str, str]:
        text = (self.folder / "environment").read_text()
        return dict(line.split("=", 1) for line in text.split("\0")[:-1])


@pytest.fixture
def head(tmp_path: Path, endpoint: str, s3: Any) -> Head:
    recorder = tmp_path / "bin" / "nextflow"
    recorder.parent.mkdir()
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    return Head(
        tmp_path,
        {
            "PATH": f"{recorder.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(PACKAGE),
            "RECORD": str(tmp_path),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "hush-hush",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-west-2",
            "AWS_BATCH_JOB_ID": JOB,
            "AWS_BATCH_JOB_ATTEMPT": "1",
            "NF_JOB_QUEUE": "default",
            "NF_WORKDIR": "s3://bucket/runs",
            "NF_LOGSDIR": "s3://bucket/logs",
        },
    )


def record(s3: Any) -> dict[str, Any]:
    """The run.json."""
    return dict(json.loads(s3.get_object(Bucket="bucket", Key=RECORD)["Body"].read()))


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 200
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.01)


def test_hands_arguments_output_and_exit_status_on(head: Head) -> None:
    arguments = ["hello", "--a", "b c", "$HOME", "*", "'", '"', "", ";", "line\nline", "é", "\\"]

    status, output, errors = head.run(*arguments, behaviour="echo out; echo err >&2; exit 7")

    log = f"{head.folder}/.nextflow-head/{SESSION}/uploads/a1/.nextflow.log"
    assert head.arguments() == ["-log", log, "run", "-name", RUN, *arguments]
    assert (status, output) == (7, "out\n")
    assert "\nerr\n" in errors
    assert errors.endswith(
        f"nextflow-head: logs and reports are in s3://bucket/{LOGS}\n"
        "nextflow-head: pipeline failed: Nextflow gave no reason; read .nextflow.log in the run's logs\n"
    )


def test_says_what_it_runs_with_and_no_secret(head: Head) -> None:
    _, _, errors = head.run("hello", MY_TOKEN="hush-hush")

    assert f"nextflow-head: run {RUN}, session " in errors
    assert "nextflow-head: NF_WORKDIR=s3://bucket/runs\n" in errors
    assert "this image has no plugin nf-cloudcache" in errors
    assert "hush" not in errors


def test_leaves_logs_reports_and_configuration_in_s3(head: Head, s3: Any) -> None:
    status, _, _ = head.run("hello", behaviour='echo log >"$2"; echo 1 >"${2%/*}/trace.txt"')

    stored_files = {item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]}
    assert status == 0
    assert stored_files == {
        *(f"{LOGS}/.nextflow.log", f"{LOGS}/trace.txt", f"{LOGS}/nextflow.config"),
        *(RECORD, f"logs/sessions/run-{JOB}/lock.json"),
    }


def test_the_record_tells_who_ran_what_with_which_outcome(head: Head, s3: Any) -> None:
    log = "N E X T F L O W  ~  version 1.2.3\nLaunching \\`hello\\` [x] DSL2 - revision: 3c2cdc9823 [v1]"
    counted = {
        "plugins": ["nf-head@1.0.0"],
        "processes": {"A": {"cached": 1, "failed": 1}, "B": {"cached": 1}},
    }
    behaviour = f'echo "{log}" >"$2"; echo \'{json.dumps(counted)}\' >"$NF_TASKS_FILE"; exit 1'
    head.run("hello", "-r", "v1", behaviour=behaviour, NF_OWNER="ada", NF_DEPLOYMENT="lab")

    content = record(s3)
    (attempt,) = content["attempts"]
    assert (content["job"], content["owner"], content["deployment"]) == (JOB, "ada", "lab")
    assert (content["project"], content["arguments"]) == ("hello", ["hello", "-r", "v1"])
    assert content["versions"] == {"nextflow": "1.2.3", "plugins": ["nf-head@1.0.0"]}
    assert content["revision"] == "3c2cdc9823 [v1]"
    assert content["tasks"] == {"cached": 2, "failed": 1}
    assert content["processes"] == counted["processes"]
    assert (
        (content["state"], content["exit"]) == (attempt["state"], attempt["exit"]) == ("FAILED", 1)
    )
    assert attempt["logs"] == f"s3://bucket/{LOGS}"
    assert content["started"] <= content["ended"] <= content["updated"]


def test_longer_arguments_come_from_a_file(head: Head, s3: Any) -> None:
    more = ["--a", "x" * 20_000, "line\nline", "$HOME"]
    s3.put_object(Bucket="bucket", Key="more.json", Body=json.dumps(more))

    head.run("hello", NF_ARGUMENTS="s3://bucket/more.json")

    assert head.arguments()[5:] == ["hello", *more]


def test_parameters_and_configuration_may_lie_in_s3(head: Head, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="in/params.yml", Body=b"a: 1")
    s3.put_object(Bucket="bucket", Key="in/my.config", Body=b"process.cpus = 2")

    head.run("hello", "-params-file", "s3://bucket/in/params.yml", "-c", "s3://bucket/in/my.config")

    _, _, params, _, config = head.arguments()[5:]
    assert Path(params).name == "params.yml"
    assert Path(params).read_text() == "a: 1"
    assert Path(config).read_text() == "process.cpus = 2"


def test_what_is_wrong_is_named_as_the_user_typed_it(head: Head, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="in/my.config", Body=b"process {")
    entry = "Nov-28 10:00:00.000 [main] DEBUG nextflow.config.ConfigBuilder - Parsing config file"
    behaviour = (
        f'for last; do :; done; echo "{entry}: $last" >"$2";'
        "echo \"Error my.config:2:1: Unexpected input: '}'\"; exit 1"
    )

    status, _, errors = head.run("hello", "-c", "s3://bucket/in/my.config", behaviour=behaviour)

    line = (
        "s3://bucket/in/my.config, line 2, column 1: Unexpected input: '}'; if the pipeline is"
        " older than Nextflow 26.04, set the job's variable NXF_SYNTAX_PARSER=v1"
    )
    assert status == 2
    assert errors.splitlines()[-1] == f"nextflow-head: {line}"
    assert record(s3)["reason"] == line


def test_nextflow_finds_the_configuration_in_its_home(head: Head) -> None:
    head.run("hello", NXF_HOME="/elsewhere")

    home = Path(head.variables()["NXF_HOME"])
    assert home == head.folder / ".nextflow-head" / SESSION / "home"
    assert "executor = 'awsbatch'" in (home / "config").read_text()
    assert (head.folder / "folder").read_text() == f"{head.folder}\n"


def test_a_bucket_that_is_lost_during_the_run_does_not_change_the_outcome(
    head: Head, s3: Any
) -> None:
    s3.create_bucket(Bucket="brief", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    wait = "touch ready; until [ -e go ]; do sleep 0.05; done; exit 9"
    with head.start("hello", behaviour=wait, NF_LOGSDIR="s3://brief/logs") as process:
        wait_for(head.folder / "ready")
        for item in s3.list_objects_v2(Bucket="brief")["Contents"]:
            s3.delete_object(Bucket="brief", Key=item["Key"])
        s3.delete_bucket(Bucket="brief")
        (head.folder / "go").touch()
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 9
    assert f"logs and reports could not be stored in s3://brief/{LOGS}" in errors


def test_runs_a_project_that_lies_in_s3(head: Head, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="projects/p/main.nf", Body=b"workflow {}")

    head.run("-r", "main", "s3://bucket/projects/p", "--input", "s3://bucket/projects/p")

    project = head.arguments()[7]
    assert head.arguments()[5:] == ["-r", "main", project, "--input", "s3://bucket/projects/p"]
    assert (Path(project) / "main.nf").read_text() == "workflow {}"


def test_keys_with_blanks_lists_of_files_and_another_script_reach_nextflow(
    head: Head, s3: Any
) -> None:
    for key, body in {
        "My Pipelines/p/build.nf": b"workflow {}",
        "my params.json": b'{"a": 1}',
        "a b.config": b"x = 1",
        "b.config": b"y = 2",
        "more arguments.json": b'["-main-script", "build.nf"]',
    }.items():
        s3.put_object(Bucket="bucket", Key=key, Body=body)

    status, _, errors = head.run(
        *("s3://bucket/My Pipelines/p", "-params-file", "s3://bucket/my params.json", "-c"),
        "s3://bucket/a b.config,s3://bucket/b.config",
        NF_ARGUMENTS="s3://bucket/more arguments.json",
    )

    assert status == 0, errors
    root, _, params, _, configuration, option, script = head.arguments()[5:]
    assert (option, script) == ("-main-script", f"{root}/build.nf")
    assert Path(script).read_text() == "workflow {}"
    assert Path(params).read_text() == '{"a": 1}'
    assert [Path(name).read_text() for name in configuration.split(",")] == ["x = 1", "y = 2"]


@pytest.mark.parametrize(
    "arguments", [["-resume", "last", "s3://bucket/p"], ["s3://bucket/p", "-resume", "last"]]
)
def test_the_last_session_is_this_jobs(head: Head, s3: Any, arguments: list[str]) -> None:
    s3.put_object(Bucket="bucket", Key="p/main.nf", Body=b"workflow {}")
    (head.folder / "plugins" / "nf-cloudcache-0.6.0").mkdir(parents=True)

    head.run(*arguments, NXF_PLUGINS_DIR=str(head.folder / "plugins"))

    called = head.arguments()[5:]
    assert called[called.index("-resume") + 1] == SESSION
    assert len(called) == 3
    assert "last" not in called


def test_says_what_is_probably_not_meant_and_goes_on(head: Head) -> None:
    status, _, errors = head.run("hello", "--in", "a_1.fq", "a_2.fq")

    assert status == 0
    assert "nextflow-head: the argument 'a_2.fq' does not belong to an option: " in errors
    assert head.arguments()[5:] == ["hello", "--in", "a_1.fq", "a_2.fq"]


@pytest.mark.parametrize(
    "later",
    [
        {"AWS_BATCH_JOB_ATTEMPT": "2"},
        {"AWS_BATCH_JOB_ID": RESUMED, "NF_RESUME": JOB},
    ],
    ids=["the job's next attempt", "another job that resumes it"],
)
def test_paths_and_times_that_enter_hashes_of_tasks_are_those_of_the_session(
    head: Head, s3: Any, later: dict[str, str]
) -> None:
    s3.put_object(Bucket="bucket", Key="p/main.nf", Body=b"workflow {}")
    s3.put_object(Bucket="bucket", Key="p/data/a.csv", Body=b"1")
    s3.put_object(Bucket="bucket", Key="x.config", Body=b"")
    (head.folder / "plugins" / "nf-cloudcache-0.6.0").mkdir(parents=True)
    plugins = {"NXF_PLUGINS_DIR": str(head.folder / "plugins")}
    seen = []
    for changes in (plugins, plugins | later):
        status, _, errors = head.run("s3://bucket/p", "-c", "s3://bucket/x.config", **changes)
        assert status == 0, errors
        project, _, config = head.arguments()[7:]
        paths = sorted((*Path(project).rglob("*"), Path(project), Path(config)))
        seen.append([(path, path.stat().st_mtime_ns) for path in paths])
        seen[-1].append((Path(head.variables()["NXF_HOME"]), 0))
        # Another container has nothing of it, and its clock is another.
        shutil.rmtree(head.folder / ".nextflow-head")
        time.sleep(1.1)

    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("arguments", "changes", "line"),
    [
        (
            [],
            {},
            "no project is named: the job's command must be the arguments of `nextflow run`,"
            " such as hello, or nf-core/rnaseq -r 3.24.0 --outdir s3://my-bucket/results",
        ),
        (
            ["hello"],
            {"NF_JOB_QUEUE": ""},
            "NF_JOB_QUEUE is missing: it must be the ARN or the name",
        ),
        (["hello", "-bg"], {}, "-bg is not allowed: the container"),
        (
            ["hello"],
            {"NF_LOGSDIR": "s3://absent/logs"},
            "NF_LOGSDIR=s3://absent/logs is not allowed: the bucket absent does not exist",
        ),
        (
            ["hello"],
            {"AWS_REGION": "eu-west-1"},
            "NF_WORKDIR=s3://bucket/runs is not allowed: its bucket is in us-west-2, and the queue is in"
            " eu-west-1; both must be in the same region",
        ),
        (
            ["hello", "-params-file", "s3://bucket/no.json"],
            {},
            "-params-file s3://bucket/no.json cannot be read: GetObject answered NoSuchKey: ",
        ),
        (
            ["hello"],
            {"NF_RESUME": RESUMED},
            f"NF_RESUME={RESUMED} is not allowed: this image has no plugin nf-cloudcache",
        ),
        (
            ["nextflow", "run", "hello"],
            {},
            "'nextflow run' is not allowed: the job's command is what follows `nextflow run`, such",
        ),
        (
            ["hello -r master"],
            {},
            "the project 'hello -r master' is not allowed: it is one argument wit",
        ),
        (
            ["hello"],
            {"NF_RESUME": "nf-hello"},
            "NF_RESUME='nf-hello' is not allowed: it must be the id of the Batch job to resume, not its"
            " name, such as 0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
        ),
        (
            ["s3://bucket/a\nb"],
            {},
            "s3://bucket/a\\nb is not a Nextflow project: it must be a folder, or an archive (.zip, ",
        ),
        (
            ["s3://B"],
            {},
            "the project 's3://B' is not allowed: it must be s3://BUCKET/FOLDER, or a",
        ),
        (
            ["s3://bucket/no"],
            {},
            "s3://bucket/no is not a Nextflow project: it must be a folder, or a",
        ),
        (["hello"], {"PATH": "/nowhere"}, "nextflow cannot be started: No such file or directory"),
    ],
)
def test_refuses_bad_input_with_one_line_and_status_2(
    head: Head, arguments: list[str], changes: dict[str, str], line: str
) -> None:
    status, output, errors = head.run(*arguments, **changes)

    assert status == 2
    assert output == ""
    assert not head.started()
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"nextflow-head: {line}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_hands_a_signal_on_at_once_and_keeps_what_nextflow_writes_then(
    head: Head, s3: Any, number: signal.Signals
) -> None:
    # A shell notices a signal when its child ends, so the child is short.
    behaviour = (
        "trap 'echo stopped >\"$2\"; exit 9' TERM INT; touch ready; while :; do sleep 0.05; done"
    )
    with head.start("hello", behaviour=behaviour) as process:
        wait_for(head.folder / "ready")
        process.send_signal(number)
        began = time.monotonic()
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 128 + number
    assert time.monotonic() - began < 5
    assert errors.endswith(
        f"nextflow-head: cancelled: the head received {number.name}, and Nextflow ended its tasks\n"
    )
    assert record(s3)["state"] == "CANCELLED"
    assert f"nextflow-head: sent {number.name} to Nextflow" in errors
    log = s3.get_object(Bucket="bucket", Key=f"{LOGS}/.nextflow.log")["Body"].read()
    assert log == b"stopped\n"


def test_nextflow_sees_only_the_first_of_several_signals(head: Head) -> None:
    behaviour = (
        "trap 'echo x >>seen' TERM INT; touch ready;"
        "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit 3"
    )
    with head.start("hello", behaviour=behaviour) as process:
        wait_for(head.folder / "ready")
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
            time.sleep(0.2)
        process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert (head.folder / "seen").read_text() == "x\n"


def test_keeps_the_log_while_nextflow_is_still_cancelling(head: Head, s3: Any) -> None:
    behaviour = 'trap : TERM; echo early >"$2"; touch ready; while :; do sleep 0.05; done'
    with head.start("hello", behaviour=behaviour) as process:
        wait_for(head.folder / "ready")
        process.terminate()
        deadline = time.monotonic() + 200
        while "Contents" not in s3.list_objects_v2(Bucket="bucket", Prefix=f"{LOGS}/.nextflow"):
            assert time.monotonic() < deadline, "no log arrived before the grace period's end"
            time.sleep(0.1)
        child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
        os.kill(child, signal.SIGKILL)
        process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM


def test_a_signal_before_nextflows_start_ends_the_head(head: Head) -> None:
    program = (
        "import os, signal, sys, nextflow_head.memory as m, nextflow_head.head as head\n"
        "m.limit = lambda: os.kill(os.getpid(), signal.SIGTERM)\n"
        "raise SystemExit(head.main(sys.argv[1:], os.environ))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "hello"],
        env=head.environment,
        cwd=head.folder,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )

    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.endswith("cancelled: SIGTERM arrived while Nextflow was not running\n")
    assert not head.started()


def test_a_signal_ends_a_head_that_waits_for_aws_to_start_nextflow_again(
    head: Head, s3: Any
) -> None:
    (head.folder / "plugins" / "nf-cloudcache-0.6.0").mkdir(parents=True)
    gave_up = (
        'echo x >>starts; echo "Nov-25 20:02:27.365 [x] DEBUG nextflow.Session - Session aborted'
        ' -- Cause: Unable to execute HTTP request: refused" >"$2"; exit 1'
    )
    plugins = str(head.folder / "plugins")
    with head.start("hello", behaviour=gave_up, NXF_PLUGINS_DIR=plugins) as process:
        assert process.stderr
        while "Nextflow will be restarted" not in process.stderr.readline():
            assert process.poll() is None, "it ended before it was stopped"
        process.terminate()
        process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert (head.folder / "starts").read_text() == "x\n"
    assert record(s3)["state"] == "CANCELLED"


def test_reaps_orphans_and_waits_for_nextflow_alone(head: Head) -> None:
    # PR_SET_CHILD_SUBREAPER makes the head inherit orphans, as PID 1 does.
    program = (
        "import ctypes, os, sys, nextflow_head.head as head\n"
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "raise SystemExit(head.main(sys.argv[1:], os.environ))"
    )
    behaviour = (
        "(true & exec true) & (sleep 0.2 & exec true); sleep 0.6;"
        "ps -o stat= --ppid $PPID >children; exit 9"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "hello"],
        env=head.environment | {"BEHAVIOUR": behaviour},
        cwd=head.folder,
        check=False,
    )

    assert done.returncode == 9
    assert "Z" not in (head.folder / "children").read_text()


def test_a_process_that_nextflow_left_with_its_output_holds_up_no_end(head: Head) -> None:
    behaviour = "echo first >&2; sleep 600 >/dev/null & echo $! >left; echo last >&2; exit 9"

    process = head.start("hello", behaviour=behaviour)
    try:
        assert process.wait(30) == 9
    finally:
        os.kill(int((head.folder / "left").read_text()), signal.SIGKILL)
    _, errors = process.communicate()

    assert "\nfirst\nlast\n" in errors


DRIVER = """
import json, os, sys
from pathlib import Path
from nextflow_head import command, files
from nextflow_head.environment import Environment
from nextflow_head.process import Process
from nextflow_head.session import Session

session = Session.of(Environment.read(os.environ))
for line in sys.stdin:
    words = [os.fsdecode(bytes.fromhex(argument)) for argument in json.loads(line)]
    local = files.stage(words, Path("p"), None)
    argv = command.argv(local, session, Path("log"), resume=True)
    print(Process().run(argv, os.environ, print).status, flush=True)
"""


@pytest.fixture
def driver(head: Head) -> Iterator["subprocess.Popen[str]"]:
    """Calls the recorder with one list of arguments after the other, without starting anew."""
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env=head.environment | {"BEHAVIOUR": ""},
        cwd=head.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")),
            st.text("-$`'\"\\*?[]{}()<>|&;!#~= \n\t%éa", max_size=20).map(str.encode),
        ).filter(lambda raw: raw not in {b"-bg", b"-name", b"-resume"}),
        min_size=8,
        max_size=16,
    )
)
def test_every_argument_arrives_byte_for_byte(
    head: Head, driver: "subprocess.Popen[str]", arguments: list[bytes]
) -> None:
    """At least 2,400 arguments in 300 calls."""
    arguments = [b"hello", *arguments]
    assert driver.stdin
    assert driver.stdout
    driver.stdin.write(json.dumps([argument.hex() for argument in arguments]) + "\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == "0\n"

    seen = (head.folder / "arguments").read_bytes().split(b"\0")[:-1]
    assert seen[-len(arguments) :] == arguments
