"""boothook.sh and boot.sh, executed for real against an emulated IMDS, S3 and CloudWatch Logs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from nextflow_worker.watch import metrics
from testbed.worker_machine import worker_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORKER = Path(__file__).parent.parent / "assets" / "worker"
BOOT = WORKER / "boot.sh"
BOOTHOOK = WORKER / "boothook.sh"
DOCS = WORKER.parent.parent / "docs" / "worker.md"

REGION = "us-west-2"
CREDENTIALS = Credentials("ASIAEXAMPLE", "se/cr+et=", "token/with+signs==")
HEAD = """
import os
from pathlib import Path
run = Path(os.environ["NFB_ROOT"]) / "run/nextflow-batch"
"""
CLUSTER = "AWSBatch-Spot-0a1b_2c"
BATCHS_PART = f"\xff\necho ECS_CLUSTER={CLUSTER}>>/etc/ecs/ecs.config\n".encode("latin-1")
SOUND = HEAD + '(run / "ready").touch()\n'
REASON = '(run / "reason").write_text("scratch: no volume")\n'


def _programs(main: str) -> bytes:
    """Return an archive like the one that `cdk deploy` publishes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as programs:
        for name, text, mode in [
            ("nextflow_worker/__init__.py", "", 0o644),
            ("nextflow_worker/__main__.py", main, 0o644),
            ("bin/tool", "#!/bin/sh\n", 0o755),
        ]:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            programs.writestr(entry, text)
    return archive.getvalue()


def _digest(archive: bytes) -> str:
    """Return what `sha256sum` of all files in order of their names has as SHA-256."""
    with zipfile.ZipFile(io.BytesIO(archive)) as programs:
        listing = "".join(
            f"{hashlib.sha256(programs.read(name)).hexdigest()}  {name}\n"
            for name in sorted(programs.namelist())
        )
    return hashlib.sha256(listing.encode()).hexdigest()


@dataclass
class _Cloud:
    """An IMDS with IMDSv2 only, S3 and CloudWatch Logs that check SigV4 signatures."""

    archive: bytes = b""
    role: bool = True
    failures: int = 0
    fetches: int = 0
    problems: list[str] = field(default_factory=list)
    messages: list[tuple[str, str, str]] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message) for _, _, message in self.messages]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        if path == "/latest/api/token":
            return b"imds-token" if method == "PUT" else self._problem("token by " + method)
        if path.startswith("/latest/"):
            if headers.get("X-aws-ec2-metadata-token") != "imds-token":
                return self._problem("IMDSv1")
            return self._metadata(path.removeprefix("/latest/").removeprefix("meta-data/"))
        target = headers.get("X-Amz-Target", "")
        self._check(method, path, headers, body, "logs" if target else "s3")
        if target.endswith("PutLogEvents"):
            request = json.loads(body)
            (event,) = request["logEvents"]
            self.messages.append(
                (request["logGroupName"], request["logStreamName"], event["message"])
            )
        if target.endswith("CreateLogStream"):
            self._create(json.loads(body)["logStreamName"])
        if target:
            return b"{}"
        self.fetches += 1
        if self.failures >= self.fetches:
            raise PermissionError
        assert path == "/assets-bucket/abc.zip"
        return self.archive

    def _create(self, stream: str) -> None:
        if stream in self.streams:
            raise FileExistsError
        self.streams.append(stream)

    def _metadata(self, path: str) -> bytes:
        secret = {
            "AccessKeyId": CREDENTIALS.access_key,
            "SecretAccessKey": CREDENTIALS.secret_key,
            "Token": CREDENTIALS.token,
        }
        there = {
            "instance-id": b"i-0123456789abcdef0",
            "placement/availability-zone": b"us-west-2b",
            "user-data": BATCHS_PART,
        }
        if self.role:
            there["iam/security-credentials/"] = b"worker-role"
            there["iam/security-credentials/worker-role"] = json.dumps(secret).encode()
        if path not in there:
            raise FileNotFoundError
        return there[path]

    def _check(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, service: str
    ) -> None:
        authorization = headers.get("Authorization", "")
        parts = dict(
            part.strip().split("=", 1) for part in authorization.partition(" ")[2].split(",")
        )
        names = parts["SignedHeaders"].split(";")
        if "x-amz-security-token" not in names:
            self._problem("token not signed")
        if service == "s3" and "x-amz-content-sha256" not in names:
            self._problem("content hash not signed")
        signed = {name: headers[name] for name in names}
        request = AWSRequest(method, f"http://localhost:{self.port}{path}", signed, body)
        request.context["timestamp"] = headers["X-Amz-Date"]
        auth: Any = (S3SigV4Auth if service == "s3" else SigV4Auth)(CREDENTIALS, service, REGION)
        to_sign = auth.string_to_sign(request, auth.canonical_request(request))
        if auth.signature(to_sign, request) != parts["Signature"]:
            self._problem("wrong signature for " + service)

    def _problem(self, what: str) -> bytes:
        self.problems.append(what)
        raise PermissionError(what)


@pytest.fixture
def cloud() -> Iterator[_Cloud]:
    emulated = _Cloud(_programs(SOUND))

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer = emulated.answer(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
                self.send_response(200)
            except FileExistsError:
                answer = b"ResourceAlreadyExistsException"
                self.send_response(400)
            except FileNotFoundError:
                answer = b"not found"
                self.send_response(404)
            except PermissionError:
                answer = b"denied"
                self.send_response(403)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    emulated.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield emulated
    server.shutdown()
    thread.join()
    server.server_close()
    assert emulated.problems == []


@dataclass
class _Instance:
    """A folder that stands in for an instance's root, and fakes of what would end this machine."""

    root: Path
    environ: dict[str, str]
    document: dict[str, object]

    def boothook(self) -> None:
        subprocess.run(["bash", BOOTHOOK], env=self.environ, check=True, capture_output=True)

    def boot(
        self, environ: dict[str, str] | None = None, **changes: object
    ) -> subprocess.CompletedProcess[str]:
        """Run user data as the launch template has it: the document, then the file."""
        document = {**self.document, **changes}
        script = self.root / "user-data"
        file = self.root / "etc/nextflow-batch/worker.json"
        header = f"#!/bin/bash\nmkdir -p {file.parent}\ncat >{file} <<'END'\n"
        text = f"{header}{json.dumps(document)}\nEND\n" + BOOT.read_text("ascii")
        script.write_text(text, "ascii")
        script.chmod(0o755)
        return subprocess.run(
            [script],
            env={**self.environ, **(environ or {})},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        log = self.root / "calls"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def ready(self) -> bool:
        return (self.root / "run/nextflow-batch/ready").exists()

    @property
    def console(self) -> list[str]:
        return (self.root / "dev/console").read_text().splitlines()


@pytest.fixture
def instance(tmp_path: Path, cloud: _Cloud) -> _Instance:
    if shutil.which("curl") is None:
        pytest.skip("curl, with which a worker calls AWS at its boot, is not installed")
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, action in [("systemctl", ":"), ("shutdown", ":"), ("sleep", "exec /bin/sleep 0.05")]:
        log = "sleeps" if name == "sleep" else "calls"
        record = f'echo "{name} $*" >>{tmp_path}/{log}\n'
        fake = commands / name
        fake.write_text(f"#!/bin/sh\n{record}{action}\n")
        fake.chmod(0o755)
    (commands / "python3").symlink_to(Path(sys.executable).resolve())
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/console").touch()
    endpoint = f"http://localhost:{cloud.port}"
    made = _Instance(
        tmp_path,
        {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
            "NFB_ROOT": str(tmp_path),
        },
        {
            **worker_document(),
            "asset_bucket": "assets-bucket",
            "asset_key": "abc.zip",
            "asset_sha256": _digest(cloud.archive),
            "region": REGION,
            "log_group": "/nextflow/workers",
            "fetch_seconds": 60,
        },
    )
    made.boothook()
    return made


def test_a_sound_instance_is_provisioned_and_stays_up(instance: _Instance, cloud: _Cloud) -> None:
    done = instance.boot()
    assert done.returncode == 0, done.stderr
    assert instance.ready
    assert instance.console == []
    (event,) = cloud.events
    assert (event["event"], event["cluster"], event["Boots"]) == ("boot done", CLUSTER, 1)
    assert "shutdown -c" in instance.calls
    assert not [call for call in instance.calls if "shutdown -h now" in call]


def test_programs_keep_their_permissions_and_are_fetched_once(
    instance: _Instance, cloud: _Cloud
) -> None:
    assert instance.boot().returncode == 0
    assert os.access(instance.root / "opt/nextflow-batch/current/bin/tool", os.X_OK)
    assert instance.boot().returncode == 0
    assert cloud.fetches == 1


def test_a_fetch_that_fails_twice_is_tried_again(instance: _Instance, cloud: _Cloud) -> None:
    cloud.failures = 2
    assert instance.boot().returncode == 0
    assert cloud.fetches == 3
    assert instance.ready


def _refused(instance: _Instance, done: subprocess.CompletedProcess[str], why: str) -> None:
    assert done.returncode == 1
    assert not instance.ready
    (line,) = instance.console
    assert line.startswith("nextflow-batch: this instance does not join: ")
    assert why in line
    assert f"shutdown -h now {line}" in instance.calls
    assert "Traceback" not in line


def test_a_failed_provisioning_says_its_reason_and_shuts_down(
    instance: _Instance, cloud: _Cloud
) -> None:
    cloud.archive = _programs(SOUND + REASON + "raise SystemExit(1)")
    done = instance.boot(asset_sha256=_digest(cloud.archive))
    _refused(instance, done, "scratch: no volume")
    ((group, stream, _),) = cloud.messages
    assert (group, stream) == ("/nextflow/workers", "worker/i-0123456789abcdef0")
    (event,) = cloud.events
    metric = event.pop("_aws")["CloudWatchMetrics"][0]
    assert event == {
        "event": "boot refused",
        "instance": "i-0123456789abcdef0",
        "deployment": instance.document["deployment"],
        "cluster": CLUSTER,
        "reason": instance.console[0],
        "RefusedBoots": 1,
    }
    assert metric == {
        "Namespace": metrics.NAMESPACE,
        "Dimensions": [[metrics.DIMENSION]],
        "Metrics": [{"Name": "RefusedBoots", "Unit": "Count"}],
    }


@pytest.mark.parametrize("before", [0, 3, 9])
def test_an_instance_waits_longer_the_more_of_its_cluster_were_refused(
    instance: _Instance, cloud: _Cloud, before: int
) -> None:
    hours = [datetime.now(UTC) + timedelta(hours=each) for each in (0, 1)]  # if one ends just now
    cloud.streams = [
        f"worker/refused/{hour:%Y-%m-%dT%H}/{CLUSTER}/{number}"
        for hour in hours
        for number in range(before)
    ]
    cloud.archive = _programs("pass")
    assert instance.boot(asset_sha256=_digest(cloud.archive)).returncode == 1

    shortest = 15 * 2 ** min(before, 6) // 2
    assert shortest <= int((instance.root / "sleeps").read_text().split()[-1]) < shortest * 3 + 2
    assert len([each for each in cloud.streams if each.startswith("worker/refused/")]) == (
        2 * before + (before < 6)
    )


def test_the_real_programs_are_accepted_by_the_digest_that_the_docs_compute(
    instance: _Instance, cloud: _Cloud, tmp_path: Path
) -> None:
    left_out = shutil.ignore_patterns("__pycache__", ".ruff_cache", "ruff.toml")
    folder = shutil.copytree(WORKER, tmp_path / "asset", ignore=left_out)
    (recipe,) = [line for line in DOCS.read_text().splitlines() if line.startswith("   `find ")]
    computed = subprocess.run(
        ["bash", "-c", recipe.strip(" `")], cwd=folder, check=True, capture_output=True, text=True
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as programs:
        for file in folder.rglob("*"):
            if file.is_file():
                programs.write(file, file.relative_to(folder))
    cloud.archive = archive.getvalue()
    sha256 = computed.stdout.split()[0]
    done = instance.boot(asset_sha256=sha256, volume_key=1)
    _refused(instance, done, "worker.json: volume_key is 1; allowed: a string")


@pytest.mark.parametrize(
    ("main", "why"),
    [
        ("raise SystemExit(3)", "provisioning ended with status 3 and gave no reason"),
        ("import os; os.kill(os.getpid(), 9)", "provisioning ended with status 137"),
        ("pass", "provisioning ended without the ready flag"),
        ("import time; time.sleep(30)", "provisioning took more than 1 s"),
    ],
)
def test_a_provisioning_that_ends_oddly_shuts_down(
    instance: _Instance, cloud: _Cloud, main: str, why: str
) -> None:
    cloud.archive = _programs(main)
    done = instance.boot(asset_sha256=_digest(cloud.archive), provision_seconds=1)
    _refused(instance, done, why)


def test_programs_other_than_those_expected_are_not_run(instance: _Instance, cloud: _Cloud) -> None:
    expected = _digest(cloud.archive)
    cloud.archive = _programs(SOUND + "# changed\n")
    done = instance.boot()
    _refused(instance, done, f"the launch template expects {expected}")


def test_an_archive_that_is_cut_off_is_refused(instance: _Instance, cloud: _Cloud) -> None:
    cloud.archive = cloud.archive[:-40]
    _refused(instance, instance.boot(), "s3://assets-bucket/abc.zip: File is not a zip file")


def test_an_asset_that_may_not_be_read_is_refused(instance: _Instance, cloud: _Cloud) -> None:
    cloud.failures = 10_000
    done = instance.boot(fetch_seconds=3)
    _refused(instance, done, "fetching s3://assets-bucket/abc.zip: curl: (22)")


def test_an_instance_without_a_role_is_refused(instance: _Instance, cloud: _Cloud) -> None:
    cloud.role = False
    done = instance.boot(fetch_seconds=3)
    _refused(instance, done, "fetching s3://assets-bucket/abc.zip: curl: (22)")


def test_an_instance_without_metadata_service_is_refused(instance: _Instance) -> None:
    away = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
    done = instance.boot(away, fetch_seconds=3)
    _refused(instance, done, "instance metadata: curl: (7)")


@pytest.mark.parametrize("name", ["asset_bucket", "region", "log_group", "fetch_seconds"])
def test_a_missing_value_is_named(instance: _Instance, name: str) -> None:
    del instance.document[name]
    _refused(instance, instance.boot(), f"the launch template's document has no '{name}'")


def test_a_document_that_is_cut_off_is_refused(instance: _Instance) -> None:
    assert instance.boot().returncode == 0
    document = instance.root / "etc/nextflow-batch/worker.json"
    document.write_text(document.read_text()[:40])
    reboot = subprocess.run(
        ["bash", BOOT], env=instance.environ, check=False, capture_output=True, text=True
    )
    _refused(instance, reboot, "the launch template's document cannot be read: ")


def test_provisioning_is_told_which_instance_this_is(instance: _Instance, cloud: _Cloud) -> None:
    cloud.archive = _programs(
        SOUND + "import sys; (run / 'told').write_text(' '.join(sys.argv[1:]))"
    )
    assert instance.boot(asset_sha256=_digest(cloud.archive)).returncode == 0
    words = (instance.root / "run/nextflow-batch/told").read_text()
    assert words == "provision i-0123456789abcdef0 us-west-2b"


def test_without_the_boothook_nothing_is_provisioned(instance: _Instance, cloud: _Cloud) -> None:
    shutil.rmtree(instance.root / "etc/systemd/system")
    _refused(instance, instance.boot(), "nothing holds the ECS agent back")
    assert cloud.fetches == 0


def test_a_ready_flag_of_before_is_not_trusted(instance: _Instance, cloud: _Cloud) -> None:
    assert instance.boot().returncode == 0
    assert instance.ready
    cloud.archive = _programs("pass")
    done = instance.boot(asset_sha256=_digest(cloud.archive))
    _refused(instance, done, "provisioning ended without the ready flag")


def test_an_ended_script_shuts_down_even_if_it_did_not_mean_to(instance: _Instance) -> None:
    fake = instance.root / "bin/ln"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    _refused(instance, instance.boot(), "boot.sh ended early")


def test_a_shutdown_is_planned_before_anything_can_hang(instance: _Instance) -> None:
    instance.boot()
    planned = [call for call in instance.calls if call.startswith("shutdown")]
    assert planned[0].startswith("shutdown -h +")
    assert planned[-1] == "shutdown -c"


def test_secrets_never_are_arguments_of_a_process(instance: _Instance) -> None:
    real = shutil.which("curl")
    spy = instance.root / "bin/curl"
    spy.write_text(f'#!/bin/sh\necho "$*" >>{instance.root}/curls\nexec {real} "$@"\n')
    spy.chmod(0o755)
    assert instance.boot().returncode == 0
    seen = (instance.root / "curls").read_text()
    assert "abc.zip" in seen
    assert "se/cr+et" not in seen
    assert "token/with" not in seen


def test_the_boothook_holds_back_agent_and_docker_and_starts_nothing(instance: _Instance) -> None:
    units = instance.root / "etc/systemd/system"
    assert {
        file.parent.name: file.read_text().splitlines()[-1] for file in units.glob("*/*.conf")
    } == {
        "ecs.service.d": "ConditionPathExists=/run/nextflow-batch/ready",
        "docker.service.d": "ConditionPathIsMountPoint=/var/lib/docker",
        "containerd.service.d": "ConditionPathIsMountPoint=/var/lib/containerd",
    }
    assert instance.calls == ["systemctl daemon-reload"]


def test_nothing_waits_for_systemd_where_cloud_init_waits() -> None:
    for script in [BOOT, BOOTHOOK]:
        assert "systemctl start" not in script.read_text("ascii")
        assert "enable --now" not in script.read_text("ascii")


def test_shell_parts_are_clean_to_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", BOOT, BOOTHOOK], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_user_data_is_well_under_what_ec2_takes() -> None:
    # 16 KiB before encoding: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    # Even if both parts travel in base64, and with 2 KiB for the exports and MIME headers.
    size = sum(len(base64.b64encode(part.read_bytes())) for part in [BOOT, BOOTHOOK])
    assert BOOT.stat().st_size < 9 * 1024
    assert size + 2 * 1024 < 15 * 1024
