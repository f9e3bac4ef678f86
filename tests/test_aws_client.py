"""The workers' AWS client itself, as their programs run it, against emulated services."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from assets.go_program import AWS_CLIENT
from nextflow_worker import nvme
from nextflow_worker.deadline import Deadline
from nextflow_worker.events import Events
from nextflow_worker.growth.attachment_limit import AttachmentLimit
from nextflow_worker.growth.ebs_volumes import EbsVolumes
from nextflow_worker.growth.ec2_calls import CallDeferredError, CallRefusedError, Ec2Calls
from nextflow_worker.growth.orphans import ORPHAN_SECONDS
from nextflow_worker.host import Host
from nextflow_worker.provision import ec2_access
from nextflow_worker.service import Service, ServiceError
from nextflow_worker.watch.container_instance import ContainerInstance
from nextflow_worker.watch.metrics import Metrics
from stacks import paths
from testbed.scratch import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "us-west-2"
GROUP = "/nextflow-batch/lab"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Moto in a process of its own: in this one others may have an AWS that must not be emptied."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(600):
                with suppress(OSError), urllib.request.urlopen(url + "/moto-api/"):  # noqa: S310
                    break
                assert server.poll() is None, "moto does not start"
                time.sleep(0.1)
            yield url
        finally:
            server.kill()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An AWS with nothing in it, and its address."""
    with urllib.request.urlopen(f"{moto}/moto-api/reset", data=b""):  # noqa: S310
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    return moto


def service(name: str) -> Service:
    return Service(Host(), REGION, name, clients=AWS_CLIENT.built())


def _instance(aws: str) -> str:
    client = boto3.client("ec2", REGION, endpoint_url=aws)
    image = client.register_image(Name="image")["ImageId"]
    zone = {"AvailabilityZone": "us-west-2b"}
    launched = client.run_instances(ImageId=image, MinCount=1, MaxCount=1, Placement=zone)
    return str(launched["Instances"][0]["InstanceId"])


class _Plugging(Service):
    """An EC2 whose volumes the pretended machine sees."""

    testbed: Testbed

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        answer = super().call(operation, **arguments)
        if operation == "AttachVolume":
            serial = arguments["VolumeId"].replace("-", "", 1)
            self.testbed.machine.add_disk("nvme7", serial)
        return answer


def test_a_growth_goes_through_it(tmp_path: Path, aws: str) -> None:
    testbed = Testbed(tmp_path)
    instance = _instance(aws)
    ec2 = _Plugging(Host(), REGION, "ec2", clients=AWS_CLIENT.built())
    ec2.testbed = testbed
    testbed.ec2 = ec2  # type: ignore[assignment]
    testbed.start(instance_id=instance)
    testbed.grow()

    client = boto3.client("ec2", REGION, endpoint_url=aws)
    mine = [{"Name": "tag:nextflow-batch:deployment", "Values": ["lab"]}]
    (volume,) = client.describe_volumes(Filters=mine)["Volumes"]
    assert (volume["VolumeType"], volume["Encrypted"]) == ("gp3", True)
    assert volume["Attachments"][0]["InstanceId"] == instance
    assert testbed.machine.group == ["/dev/nvme1n1", "/dev/nvme7n1"]
    client.terminate_instances(InstanceIds=[instance])
    assert client.describe_volumes(Filters=mine)["Volumes"] == []


def test_every_other_call_for_a_volume_goes_through_it(tmp_path: Path, aws: str) -> None:
    testbed = Testbed(tmp_path)
    testbed.start(instance_id=_instance(aws))
    volumes = EbsVolumes(
        testbed.machine, testbed.settings, Ec2Calls(testbed.machine, service("ec2"))
    )
    made = volumes.create("growth-1", 10)

    assert volumes.find("growth-1") == made
    assert volumes.describe(made)["Size"] == 10
    assert volumes.describe(made).get("Attachments", []) == []
    assert volumes.describe("vol-0123456789abcdef0") == {}
    assert made in [volume["VolumeId"] for volume in volumes.unattached()]
    name = volumes.attach(made)
    assert volumes.device_name(volumes.describe(made)) == name
    assert volumes.unattached() == []
    volumes.modify(made, 20)
    assert volumes.modification(made)["TargetSize"] == 20
    volumes.detach(made)
    volumes.delete(made)
    assert volumes.find("growth-1") == ""


def test_an_orphan_is_known_by_its_age(tmp_path: Path, aws: str) -> None:
    testbed = Testbed(tmp_path)
    testbed.start(instance_id=_instance(aws))
    testbed.watch._volumes = volumes = EbsVolumes(
        testbed.machine, testbed.settings, Ec2Calls(testbed.machine, service("ec2"))
    )
    orphan = volumes.create("growth-of-a-dead-worker", 10)
    now = time.time()

    testbed.machine.wall = lambda: now + ORPHAN_SECONDS - 60  # type: ignore[method-assign]
    testbed.watch.sweep()
    assert volumes.describe(orphan)
    testbed.machine.wall = lambda: now + ORPHAN_SECONDS + 60  # type: ignore[method-assign]
    testbed.watch.sweep()
    assert volumes.describe(orphan) == {}


def test_an_instance_type_tells_its_limit(tmp_path: Path, aws: str) -> None:
    machine = Testbed(tmp_path).machine
    answer = service("ec2").call("DescribeInstanceTypes", InstanceTypes=["m6i.4xlarge"])
    info = answer["InstanceTypes"][0]["EbsInfo"]
    assert (info["MaximumEbsAttachments"], info["AttachmentLimitType"]) == (27, "shared")
    limit = AttachmentLimit(machine, Ec2Calls(machine, service("ec2")), Events())
    one_interface = 1
    assert limit.free() == 27 - len(nvme.disks(machine)) - one_interface


def test_what_has_no_value_is_not_there(ec2: Any) -> None:
    ec2.body = b"""<DescribeInstanceTypesResponse><instanceTypeSet><item><ebsInfo>
        <maximumEbsAttachments>28</maximumEbsAttachments></ebsInfo></item></instanceTypeSet>
        </DescribeInstanceTypesResponse>"""
    (found,) = service("ec2").call("DescribeInstanceTypes")["InstanceTypes"]
    assert found == {"EbsInfo": {"MaximumEbsAttachments": 28}}
    ec2.body = b"<DescribeVolumesResponse><volumeSet><item/></volumeSet></DescribeVolumesResponse>"
    assert service("ec2").call("DescribeVolumes")["Volumes"] == [{}]


def test_boot_proves_that_space_can_be_ordered_and_orders_none(
    tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service.__init__, "__kwdefaults__", {"clients": AWS_CLIENT.built()})
    host = Host(tmp_path / "root")
    disk = host.path("/sys/class/nvme/nvme1")
    (disk / "nvme1n1").mkdir(parents=True)
    (disk / "serial").write_text("vol0123456789abcdef0\n")
    (disk / "model").write_text("Amazon Elastic Block Store\n")
    host.path("/sys/class/block/nvme1n1/holders").mkdir(parents=True)
    ec2_access.prove(host, Testbed(tmp_path).settings, Deadline(host, 60))
    client = boto3.client("ec2", REGION, endpoint_url=aws)
    assert client.describe_volumes()["Volumes"] == []


def test_the_stream_that_boot_made_is_written_on(tmp_path: Path, aws: str) -> None:
    logs = boto3.client("logs", REGION, endpoint_url=aws)
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="worker/i-0123")
    testbed = Testbed(tmp_path)
    testbed.start(log_group=GROUP)
    metrics = Metrics(testbed.machine, testbed.settings, service("logs"))
    # CloudWatch takes nothing older than two weeks.
    testbed.machine.wall = time.time  # type: ignore[method-assign]
    metrics.take("frozen", {"free_gib": 1.5, "text": "<é>"})
    assert metrics.send()
    (event,) = logs.get_log_events(logGroupName=GROUP, logStreamName="worker/i-0123")["events"]
    assert json.loads(event["message"])["free_gib"] == 1.5
    assert json.loads(event["message"])["text"] == "<é>"


def test_a_container_instance_is_drained(aws: str) -> None:
    ecs = boto3.client("ecs", REGION, endpoint_url=aws)
    ecs.create_cluster(clusterName="workers")
    document = json.dumps({"instanceId": _instance(aws)})
    registered = ecs.register_container_instance(
        cluster="workers", instanceIdentityDocument=document
    )
    arn = registered["containerInstance"]["containerInstanceArn"]
    drain = {"cluster": "workers", "containerInstances": [arn], "status": "DRAINING"}
    answer = service("ecs").call("UpdateContainerInstancesState", **drain)
    assert answer.get("Failures", []) == []
    (now,) = ecs.list_container_instances(cluster="workers", status="DRAINING")[
        "containerInstanceArns"
    ]
    assert now == arn


def test_why_an_instance_is_not_drained_is_told(
    tmp_path: Path, ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ec2.body = b'{"failures": [{"arn": "i", "reason": "MISSING"}]}'
    who = tmp_path / "agent.json"
    who.write_text('{"Cluster": "workers", "ContainerInstanceArn": "arn:aws:ecs:instance"}')
    membership = ContainerInstance(Host(tmp_path), service("ecs"), Events(), who.as_uri())
    membership.drain("scratch is full")
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["reason"]) == ("scratch not drained", "MISSING")
    assert not membership.drained


class _Ec2(BaseHTTPRequestHandler):
    """Answers with the status and body that its server has, after so many seconds."""

    server: Any

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.seconds)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Ec2)
    server.asked, server.status, server.body, server.seconds = 0, 200, b"", 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def _error(code: str, message: str) -> bytes:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>".encode()


# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-troubleshooting.html
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "RequestLimitExceeded", CallDeferredError),
        (500, "InternalError", CallDeferredError),
        (403, "UnauthorizedOperation", CallRefusedError),
        (400, "VolumeLimitExceeded", CallRefusedError),
        (400, "InvalidParameterValue", CallRefusedError),
    ],
)
def test_an_error_arrives_with_its_code_and_is_not_tried_again(
    ec2: Any, status: int, code: str, kind: type[Exception]
) -> None:
    ec2.status, ec2.body = status, _error(code, "so it is")
    with pytest.raises(kind, match=rf"^DescribeVolumes: so it is \({code}\)$"):
        Ec2Calls(Host(), service("ec2")).call("DescribeVolumes")
    assert ec2.asked == 1


def test_an_error_without_a_message_is_an_error_all_the_same(ec2: Any) -> None:
    ec2.status, ec2.body = 400, b'{"__type": "InvalidParameterException"}'
    where = {"logGroupName": "g", "logStreamName": "s"}
    with pytest.raises(ServiceError, match=r"^no reason \(InvalidParameterException\)$"):
        service("logs").call("CreateLogStream", **where)


def test_no_answer_is_none_and_not_a_refusal(ec2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ec2.status, ec2.body = 200, b"<DescribeVolumesResponse><volumeSet><item>"
    for _ in range(2):
        with pytest.raises(ServiceError, match=r"^operation error EC2: DescribeVolumes") as error:
            service("ec2").call("DescribeVolumes")
        assert (error.value.code, error.value.status) == ("", 0)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def test_without_credentials_it_says_so(ec2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(ServiceError, match="credentials") as error:
        service("ec2").call("DescribeVolumes")
    assert error.value.code == ""
    assert ec2.asked == 0


def test_a_mistake_in_the_programs_is_told_as_one(aws: str) -> None:
    for operation, arguments in [("RunInstances", {}), ("DeleteVolume", {"VolumeID_": "vol-1"})]:
        with pytest.raises(ServiceError, match=r"\(Misuse\)$") as error:
            service("ec2").call(operation, **arguments)
        assert not error.value.passing
    done = subprocess.run([AWS_CLIENT.here()], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: aws-client REGION SERVICE OPERATION | docker-seccomp-profile\n"


def test_it_knows_what_the_programs_call_and_nothing_else() -> None:
    modules = (paths.WORKER / "nextflow_worker").rglob("*.py")
    called = re.findall(r"""\.call\(\s*"([A-Z]\w+)\"""", "".join(map(_read, modules)))
    known = re.findall(r'"([A-Z]\w+)": +calls\(', _read(AWS_CLIENT.sources / "operations.go"))
    assert sorted(set(called)) == sorted(known)


def _read(file: Path) -> str:
    return file.read_text("utf-8")
