"""Deploys settings onto the local AWS as `make deploy` does, without the cdk CLI."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stacks import deploy
from stacks.transition import plan as planning
from stacks.transition.account import Account
from stacks.transition.template import StackTemplate
from testbed.synthesized import of
from tests.support.local_aws import REGION
from tests.support.settings_changes import BASE, EXISTING_BUCKET, Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.server import LocalAws

BASE_CHANGE = Change("base", {})
_ENDED = ("SUCCEEDED", "FAILED")
_PATIENCE_SECONDS = 300


def templates(change: Change) -> list[StackTemplate]:
    """Synthesize a change, once."""
    return _templates(json.dumps(change.keys))


@cache
def _templates(keys: str) -> list[StackTemplate]:
    change = Change("", json.loads(keys))
    stem = f"nextflow-{change.settings.deployment}"
    return [
        StackTemplate(f"{stem}-{name}", template.to_json())
        for name, template in of(change.settings).items()
    ]


@dataclass
class Outcome:
    """How a deploy ended.

    Attributes:
        steps: What was done, in order.
        refusals: Why nothing was done.
        said: What it says about jobs that run.
        failures: What went wrong.
    """

    steps: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """In one word."""
        return "failed" if self.failures else "refused" if self.refusals else "done"


class Deployer:
    """Deploys onto a local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.account = Account(aws.client)
        ssm = aws.client("ssm")
        name = "/cdk-bootstrap/hnb659fds/version"
        ssm.put_parameter(Name=name, Value="30", Type="String", Overwrite=True)
        self.existing_vpc = self._make_vpc()

    def _make_vpc(self) -> dict[str, Any]:
        ec2 = self.aws.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnets = []
        for number, zone in enumerate((f"{REGION}a", f"{REGION}b", f"{REGION}c")):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.7.{number}.0/24", AvailabilityZone=zone
            )
            subnets.append({"id": made["Subnet"]["SubnetId"], "zone": zone})
        return {"vpc_id": vpc, "subnets": subnets}

    @staticmethod
    def template(change: Change, name: str) -> StackTemplate:
        """One of a change's stacks, by the last part of its name."""
        (found,) = [stack for stack in templates(change) if stack.name.endswith(f"-{name}")]
        return found

    def deploy(self, change: Change, on_plan: Callable[[], None] = lambda: None) -> Outcome:
        """Plan and deploy; a refusal touches nothing.

        Args:
            change: What to deploy.
            on_plan: Called between the plan and its steps.
        """
        declared = templates(change)
        deployed = self.account.deployed([stack.name for stack in declared])
        plan = planning.make(declared, deployed)
        refusals = [*plan.refusals, *self.account.taken_names(declared, deployed)]
        if refusals:
            return Outcome(refusals=refusals)
        running = self.account.running_jobs(plan.effects)
        outcome = Outcome(said=deploy.sentences(plan.effects, running))
        on_plan()
        wanted = {stack.name: stack for stack in declared}
        for step in plan.steps:
            outcome.steps.append(f"{step.action} {step.stack.rpartition('-')[2]}")
            if step.action == "destroy":
                self.account.destroy(step.stack)
            else:
                outcome.failures += self._bring(wanted[step.stack], exists=step.stack in deployed)
            if outcome.failures:
                return outcome
        outcome.failures += self._differences(declared)
        return outcome

    def _bring(self, stack: StackTemplate, *, exists: bool) -> list[str]:
        cloudformation = self.aws.client("cloudformation")
        body, capabilities = json.dumps(stack.document), ["CAPABILITY_NAMED_IAM"]
        known = self._event_ids(stack.name) if exists else set()
        try:
            call = cloudformation.update_stack if exists else cloudformation.create_stack
            call(StackName=stack.name, TemplateBody=body, Capabilities=capabilities)
        except ClientError as error:
            return [] if "No updates are to be performed" in str(error) else [str(error)]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (status := self._status(stack.name)).endswith("IN_PROGRESS"):
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        failed = [
            f"{stack.name} {event['LogicalResourceId']}: {event['ResourceStatus']}:"
            f" {event.get('ResourceStatusReason', '')}"
            for event in self._events(stack.name)
            if event["EventId"] not in known and "FAILED" in event["ResourceStatus"]
        ]
        if failed or status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return [*failed, f"{stack.name}: {status}"]
        return []

    def _status(self, name: str) -> str:
        (found,) = self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return str(found["StackStatus"])

    def _events(self, name: str) -> list[dict[str, Any]]:
        pages = self.aws.client("cloudformation").get_paginator("describe_stack_events")
        return [event for page in pages.paginate(StackName=name) for event in page["StackEvents"]]

    def _event_ids(self, name: str) -> set[str]:
        return {event["EventId"] for event in self._events(name)}

    def _differences(self, declared: list[StackTemplate]) -> list[str]:
        now = self.account.deployed([stack.name for stack in declared])
        names = [stack.name for stack in declared]
        return [
            *(f"{name} is left" for name in now if name not in names),
            *(
                f"{stack.name} is not what was declared"
                for stack in declared
                if now[stack.name].document != stack.document
            ),
        ]

    def submit(self, change: Change, script: str) -> str:
        """Submit a job to the queue of tasks."""
        batch = self.aws.client("batch")
        needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
        container = {
            "image": "image",
            "command": ["sh", "-c", script],
            "resourceRequirements": needs,
        }
        batch.register_job_definition(
            jobDefinitionName="task", type="container", containerProperties=container
        )
        wanted = change.settings.head.task_queue
        names = [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]]
        (queue,) = [name for name in names if name == wanted or name.endswith(f"-{wanted}")]
        shares = change.settings.shares
        share: dict[str, Any] = (
            {"shareIdentifier": shares.default, "schedulingPriorityOverride": 0} if shares else {}
        )
        job = batch.submit_job(jobName="task", jobQueue=queue, jobDefinition="task", **share)
        return str(job["jobId"])

    def wait(self, job: str, *statuses: str) -> str:
        """Wait for a job's end."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            (found,) = self.aws.client("batch").describe_jobs(jobs=[job])["jobs"]
            if found["status"] in (statuses or _ENDED):
                return str(found["status"])
            assert time.monotonic() < deadline, found["status"]
            time.sleep(0.05)

    def clear(self) -> None:
        """Destroy everything, what stacks retain too."""
        stem = f"nextflow-{BASE['deployment']}"
        for name in ("operations", "batch", "data"):
            self.account.destroy(f"{stem}-{name}")
        s3 = self.aws.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            _empty(s3, bucket["Name"])
            s3.delete_bucket(Bucket=bucket["Name"])
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=EXISTING_BUCKET, CreateBucketConfiguration=where)


def _empty(s3: Any, bucket: str) -> None:
    """Delete all versions, also of the access logs that S3 itself writes."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
