"""A local Batch with what jobs need around it, for the tests of local_aws.batch."""

import atexit
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_aws.batch.process_runner import ProcessRunner
from local_aws.batch.runner import Runner
from local_aws.batch.runtime import RUNTIME
from local_aws.batch.service import batch_of
from local_aws.server import LocalAws
from tests.support.service_model import strict

REGION = "us-west-2"
ACCOUNT = "123456789012"
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
IMAGE = "nextflow-batch/task:local"
ENDED = ("SUCCEEDED", "FAILED")
#: Machines are slow at times; what never ends must still fail.
_PATIENCE_SECONDS = 200


class Gate:
    """What a job that runs as a process waits for, so that a test decides how long it takes.

    Attributes:
        script: A shell script that waits until the gate is open.
    """

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="gate-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder) / "open"
        self.script = f"until [ -e {self._path} ]; do sleep 0.02; done"

    def open(self) -> None:
        """Let the jobs go on."""
        self._path.touch()


class Testbed:
    """An account with a role, a network, and as many queues as a test makes.

    Attributes:
        server: The local AWS.
        endpoint: Its URL.
        inside: Its Batch, from inside.
        batch: A client that refuses answers which break Batch's service model.
    """

    # Its name begins like that of a class of tests.
    __test__ = False

    def __init__(self, server: LocalAws) -> None:
        self.server = server
        self.endpoint = server.endpoint
        self.session: Any = boto3.session.Session()
        self.batch: Any = strict(self.client("batch"))
        self.inside = batch_of(ACCOUNT, REGION)
        self._numbers = itertools.count(1)
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="workers", Description="-", VpcId=vpc)
        iam = self.client("iam")
        trust = '{"Version": "2012-10-17", "Statement": []}'
        for name in ("worker", "job"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        iam.create_instance_profile(InstanceProfileName="worker")
        iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
        self.resources: dict[str, Any] = {
            "type": "EC2",
            "minvCpus": 0,
            "maxvCpus": 256,
            "instanceTypes": ["optimal"],
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
            "subnets": [subnet],
            "securityGroupIds": [group["GroupId"]],
            "instanceRole": "worker",
        }

    def is_intact(self) -> bool:
        """Whether the account still has what was made in it; a test that uses moto may empty it."""
        subnets = self.client("ec2").describe_subnets()["Subnets"]
        ids = {subnet["SubnetId"] for subnet in subnets}
        return self.inside is batch_of(ACCOUNT, REGION) and ids.issuperset(
            self.resources["subnets"]
        )

    def client(self, service: str) -> Any:
        """Make a client of a service."""
        return self.session.client(service, region_name=REGION, endpoint_url=self.endpoint, **KEYS)

    def unique(self, stem: str) -> str:
        """Make a name that no other test has."""
        return f"{stem}-{next(self._numbers)}"

    def environment(self, **resources: Any) -> str:
        """Create a compute environment and give its name."""
        name = self.unique("environment")
        self.batch.create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources=self.resources | resources,
        )
        return name

    def queue(self, *environments: str, priority: int = 1, **more: Any) -> str:
        """Create a queue, on an environment of its own unless told, and give its name."""
        name = self.unique("queue")
        self.batch.create_job_queue(
            jobQueueName=name,
            priority=priority,
            computeEnvironmentOrder=[
                {"order": number, "computeEnvironment": environment}
                for number, environment in enumerate(environments or (self.environment(),), 1)
            ],
            **more,
        )
        return name

    def definition(self, command: list[str] | None = None, **more: Any) -> str:
        """Register a job definition and give its name; `container` adds properties."""
        name = self.unique("definition")
        properties = {
            "image": IMAGE,
            "command": command or ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        } | more.pop("container", {})
        self.batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties, **more
        )
        return name

    def submit(self, script: str = "true", **more: Any) -> str:
        """Submit a shell script as a job and give its id."""
        request: dict[str, Any] = {"jobName": "job"} | more
        request.setdefault("jobQueue", None)
        request["jobQueue"] = request["jobQueue"] or self.queue()
        if "jobDefinition" not in request:
            request["jobDefinition"] = self.definition(["sh", "-c", script])
        return str(self.batch.submit_job(**request)["jobId"])

    def describe(self, job: str) -> dict[str, Any]:
        """Describe one job."""
        (found,) = self.batch.describe_jobs(jobs=[job])["jobs"]
        return dict(found)

    def wait(self, job: str, *statuses: str) -> dict[str, Any]:
        """Wait until a job has ended, or has one of the statuses, and describe it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := self.describe(job))["status"] not in (statuses or ENDED):
            assert time.monotonic() < deadline, f"{job} is still {found['status']}"
            time.sleep(0.1)
        return found

    def run(self, script: str = "true", **more: Any) -> dict[str, Any]:
        """Submit a script, wait for its end and describe it."""
        return self.wait(self.submit(script, **more))

    def lines(self, job: dict[str, Any], group: str = "/aws/batch/job") -> list[str]:
        """Read a described job's output."""
        assert "logStreamName" in job["container"], f"no log stream: {job}"
        stream = job["container"]["logStreamName"]
        events = self.client("logs").get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True
        )["events"]
        return [event["message"] for event in events]


@contextmanager
def batch_testbed(runner: Runner, *, stop_timeout: float = 30) -> Iterator[Testbed]:
    """Start a server whose jobs a runner runs; stop both at the end."""
    with LocalAws(REGION, runner=runner) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(RUNTIME, "stop_timeout", stop_timeout)
        yield Testbed(server)


_shared: list[Testbed] = []


@contextmanager
def process_testbed(*, stop_timeout: float = 30) -> Iterator[Testbed]:
    """Give a server whose jobs are processes, the same one to all modules that ask.

    A server takes seconds to start. This one is used again unless another has been started, or
    moto emptied, in between: a process has one AWS, and whoever starts it starts it empty.
    """
    if _shared and not _shared[-1].is_intact():
        _shared.pop().server.stop()
    if not _shared:
        root = Path(tempfile.mkdtemp(prefix="batch-testbed-"))
        server = LocalAws(REGION, runner=ProcessRunner(root))
        server.start()
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        atexit.register(server.stop)
        _shared.append(Testbed(server))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RUNTIME, "stop_timeout", stop_timeout)
        yield _shared[-1]
    _shared[-1].inside.reset()
