"""The brake: an environment whose instances refuse again and again is disabled, and says so."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from nextflow_janitors import brake
from nextflow_janitors.environment import Environment
from stacks import paths
from tests.support.batch import Testbed, process_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "/lab/workers"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as made:
        made.client("logs").create_log_group(logGroupName=GROUP)
        yield made


class Lab:
    """A compute environment whose instances boot, and a topic that somebody reads."""

    def __init__(self, testbed: Testbed) -> None:
        self.batch: Any = testbed.batch
        self._clients = {name: testbed.client(name) for name in ("logs", "sns", "sqs")}
        self.name = testbed.environment()
        self.cluster = self._described()["ecsClusterArn"].rpartition("/")[2]
        arn = self._described()["computeEnvironmentArn"]
        self.batch.tag_resource(resourceArn=arn, tags={brake.DEPLOYMENT_TAG: "lab"})
        topic = self._clients["sns"].create_topic(Name=testbed.unique("topic"))["TopicArn"]
        sqs = self._clients["sqs"]
        self._mailbox = sqs.create_queue(QueueName=testbed.unique("mail"))["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self._mailbox, AttributeNames=["QueueArn"])
        self._clients["sns"].subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
        )
        self.environment = Environment("lab", log_group=GROUP, topic=topic, refusals=3)
        self._boots = 0

    def _described(self) -> dict[str, Any]:
        answer = self.batch.describe_compute_environments(computeEnvironments=[self.name])
        return dict(answer["computeEnvironments"][0])

    @property
    def state(self) -> str:
        return str(self._described()["state"])

    def mail(self) -> list[str]:
        answer = self._clients["sqs"].receive_message(QueueUrl=self._mailbox)
        return [json.loads(each["Body"])["Message"] for each in answer.get("Messages", [])]

    def boot(
        self, event: str, instance: str | None = None, stream: str = "worker"
    ) -> dict[str, Any]:
        """An instance writes what `boot.sh` does; what the filter then passes on."""
        self._boots += 1
        instance = instance or f"i-{self.name}-{self._boots}"
        boot = {
            "event": event,
            "instance": instance,
            "cluster": self.cluster,
            "reason": "EC2: no answer",
        }
        where = {"logGroupName": GROUP, "logStreamName": f"{stream}/{instance}"}
        record = {"timestamp": int(time.time() * 1000), "message": json.dumps(boot)}
        logs = self._clients["logs"]
        if not logs.describe_log_streams(
            logGroupName=GROUP, logStreamNamePrefix=where["logStreamName"]
        )["logStreams"]:
            logs.create_log_stream(**where)
        logs.put_log_events(**where, logEvents=[record])
        passed_on = {"logStream": where["logStreamName"], "logEvents": [record]}
        data = gzip.compress(json.dumps(passed_on).encode())
        return {"awslogs": {"data": base64.b64encode(data).decode()}}

    def refuse(
        self, instance: str | None = None, stream: str = "worker", **clients: Any
    ) -> dict[str, Any]:
        """An instance refuses, and the brake looks."""
        services = {"batch": self.batch, "logs": self._clients["logs"], "sns": self._clients["sns"]}
        event = self.boot(brake.REFUSED, instance, stream)
        return brake.check(event, self.environment, **(services | clients))


@pytest.fixture
def lab(testbed: Testbed) -> Lab:
    return Lab(testbed)


def test_after_refusals_in_a_row_the_environment_is_disabled_and_people_are_told(lab: Lab) -> None:
    lab.refuse()
    assert lab.refuse()["disabled"] == []
    assert (lab.state, lab.mail()) == ("ENABLED", [])

    assert lab.refuse() == {"disabled": [lab.name], "refused_in_a_row": {lab.cluster: 3}}

    assert lab.state == "DISABLED"
    (message,) = lab.mail()
    assert "3 instances in a row refused to join" in message
    assert "EC2: no answer" in message
    (command,) = [line for line in message.splitlines() if line.startswith("aws batch update-")]
    assert f"--compute-environment {lab.name} --state ENABLED" in command


def test_a_boot_that_goes_well_ends_the_row(lab: Lab) -> None:
    lab.refuse()
    lab.refuse()
    lab.boot(brake.JOINED)

    assert lab.refuse()["refused_in_a_row"] == {lab.cluster: 1}
    assert lab.state == "ENABLED"


def test_an_instance_that_reboots_counts_once(lab: Lab) -> None:
    for _ in range(4):
        lab.refuse("i-same")
    assert lab.state == "ENABLED"


def test_what_a_task_prints_is_no_refusal(lab: Lab) -> None:
    for _ in range(4):
        lab.refuse(stream="nf-lab_bash/default")
    assert lab.refuse()["refused_in_a_row"] == {lab.cluster: 1}
    assert lab.state == "ENABLED"


def test_once_enabled_again_the_counting_starts_anew(lab: Lab) -> None:
    for _ in range(3):
        lab.refuse()
    lab.batch.update_compute_environment(computeEnvironment=lab.name, state="ENABLED")

    assert lab.refuse()["disabled"] == []
    assert lab.state == "ENABLED"


def test_environments_of_other_deployments_are_never_disabled(lab: Lab) -> None:
    lab.environment = replace(lab.environment, deployment="other")
    for _ in range(4):
        lab.refuse()
    assert lab.state == "ENABLED"


def test_without_permission_nothing_is_said_to_be_disabled(lab: Lab) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return self._refuse if name.startswith("update") else getattr(lab.batch, name)

        def _refuse(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "Update")

    lab.refuse()
    lab.refuse()
    with pytest.raises(ClientError):
        lab.refuse(batch=Refusing())
    assert (lab.state, lab.mail()) == ("ENABLED", [])


def test_a_boot_says_what_the_brake_counts() -> None:
    boot = (paths.WORKER / "boot.sh").read_text("ascii")

    assert re.findall(r"report '(boot \w+)'", boot) == [brake.REFUSED, brake.JOINED]
    for name in ("event", "instance", "cluster", "reason"):
        assert f'"{name}": ' in boot
