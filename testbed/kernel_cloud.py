"""The AWS that a guest sees: moto's EC2, S3 and Logs, and the metadata service.

What EC2 does to an instance happens to the guest: an attached volume is plugged in, a detached one
pulled out.
"""

from __future__ import annotations

import json
import re
import time
from io import BytesIO
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import boto3
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from testbed.kernel_guest import METADATA, TASK_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from testbed.kernel_guest import Guest

REGION = "us-west-2"
ZONE = "us-west-2b"
ROLE = "worker-role"
LOG_GROUP = "/nextflow/workers"
#: What creating and attaching take; EC2 takes longer.
ATTACH_SECONDS = 2.0

_DRY_RUN = (
    "<Response><Errors><Error><Code>DryRunOperation</Code><Message>Request would have succeeded"
    "</Message></Error></Errors><RequestID>1</RequestID></Response>"
)


class Cloud:
    """One instance's AWS, from `with` to its end.

    Attributes:
        port: Where it listens on loopback.
        guest: The instance, once there is one.
        instance_id: Its id.
        instance_type: Its type.
        user_data: What its launch template says.
        rehearsed: The operations of EC2 that were asked for with `DryRun`.
    """

    def __init__(self, user_data: str, instance_type: str = "m6i.xlarge") -> None:
        """Start an instance with this user data."""
        self.user_data = user_data
        self.rehearsed: list[str] = []
        self.guest: Guest | None = None
        self.instance_type = instance_type
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        moto_api_backend.reset()
        self._thread.start()
        (instance,) = self.client("ec2").run_instances(
            ImageId="ami-12345678",
            InstanceType=self.instance_type,
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": ZONE},
        )["Instances"]
        self.instance_id = str(instance["InstanceId"])
        self.client("logs").create_log_group(logGroupName=LOG_GROUP)
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def launch_volume(self, size_gib: int, device: str, tags: dict[str, str]) -> str:
        """Make a volume of the launch template's, attached before power-on; return its id."""
        ec2 = self.client("ec2")
        made = ec2.create_volume(
            AvailabilityZone=ZONE,
            Size=size_gib,
            VolumeType="gp3",
            Encrypted=True,
            TagSpecifications=[
                {
                    "ResourceType": "volume",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ],
        )
        volume_id = str(made["VolumeId"])
        guest, self.guest = self.guest, None  # It is there already when the machine starts.
        ec2.attach_volume(VolumeId=volume_id, InstanceId=self.instance_id, Device=device)
        self.guest = guest
        return volume_id

    def volumes(self) -> dict[str, dict[str, Any]]:
        """Return the volumes that there are, by id, without the root's."""
        found = self.client("ec2").describe_volumes()["Volumes"]
        return {
            volume["VolumeId"]: volume
            for volume in found
            if not any(a["Device"] == "/dev/sda1" for a in volume["Attachments"])
        }

    def ending_with_the_instance(self) -> set[str]:
        """Return the volumes that EC2 deletes when it terminates the instance."""
        (reservation,) = self.client("ec2").describe_instances()["Reservations"]
        (instance,) = reservation["Instances"]
        mappings = instance["BlockDeviceMappings"]
        return {m["Ebs"]["VolumeId"] for m in mappings if m["Ebs"]["DeleteOnTermination"]}

    def reasons(self) -> list[str]:
        """Return why the instance refused to join, as it wrote to the log group."""
        logs = self.client("logs")
        name = f"worker/{self.instance_id}"
        try:
            events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=name)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        written = [json.loads(event["message"]) for event in events]
        return [each["reason"] for each in written if each["event"] == "boot refused"]

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        if request.host == METADATA:
            return self._metadata(request)(environ, start)
        if request.host == TASK_CREDENTIALS:
            return Response("task credentials")(environ, start)
        body = request.get_data(cache=True)
        asked = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        operation = asked.get("Action", "")
        if asked.get("DryRun") == "true":
            # Moto does not heed it in each operation.
            self.rehearsed.append(operation)
            return Response(_DRY_RUN, 412, mimetype="text/xml")(environ, start)
        answer: Iterable[bytes] = self._moto(_again(environ, body), start)
        answer = [b"".join(answer)]
        self._happen(operation, asked)
        return answer

    def _happen(self, operation: str, asked: dict[str, str]) -> None:
        guest = self.guest
        if guest is None:
            return
        if operation == "AttachVolume":
            volume_id = asked["VolumeId"]
            (volume,) = self.client("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"]
            Timer(ATTACH_SECONDS, guest.plug, (volume_id, volume["Size"])).start()
        elif operation == "DetachVolume" and asked["VolumeId"] in guest.disks:
            guest.unplug(asked["VolumeId"])

    def _metadata(self, request: Request) -> Response:
        if request.path == "/latest/api/token":
            lives = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            return Response("token", 200 if request.method == "PUT" else 405, lives)
        if request.headers.get("X-aws-ec2-metadata-token") != "token":
            return Response("", 401)
        path = re.sub(r"^/(latest|\d{4}-\d\d-\d\d)/", "", request.path)
        tree = self._tree()
        if path in tree:
            return Response(tree[path], mimetype="text/plain")
        folder = path.rstrip("/") + "/"
        below = {key[len(folder) :] for key in tree if key.startswith(folder)}
        entries = {rest.partition("/")[0] + rest.partition("/")[1] for rest in below}
        return Response("\n".join(sorted(entries)), 200 if entries else 404)

    def _tree(self) -> dict[str, str]:
        credentials = {
            "Code": "Success",
            "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "secret",
            "Token": "token",
            "LastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 21600)),
        }
        document = {
            "instanceId": self.instance_id,
            "region": REGION,
            "instanceType": self.instance_type,
        }
        return {
            "user-data": self.user_data,
            "dynamic/instance-identity/document": json.dumps(document),
            "meta-data/ami-id": "ami-12345678",
            "meta-data/instance-id": self.instance_id,
            "meta-data/instance-type": self.instance_type,
            "meta-data/local-hostname": "worker",
            "meta-data/placement/availability-zone": ZONE,
            "meta-data/placement/region": REGION,
            "meta-data/services/domain": "amazonaws.com",
            "meta-data/iam/security-credentials/": ROLE,
            f"meta-data/iam/security-credentials/{ROLE}": json.dumps(credentials),
        }


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


def _again(environ: WSGIEnvironment, body: bytes) -> WSGIEnvironment:
    """Return the request with its body unread."""
    return {**environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
