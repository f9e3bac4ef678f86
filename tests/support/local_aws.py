"""A local AWS without containers, and stacks on it, for the tests of its server."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local_aws.batch.process_runner import ProcessRunner
from local_aws.server import LocalAws
from tests.support.service_model import strict

Resources = dict[str, Any]
_NUMBERS = itertools.count(1)
ACCOUNT = "123456789012"
REGION = "us-west-2"


@contextmanager
def local_testbed(folder: Path) -> Iterator[LocalAws]:
    """Start a local AWS whose jobs are processes; stop it at the end."""
    runner = ProcessRunner(folder / "worker")
    with LocalAws(runner=runner, state_dir=folder) as aws:
        yield aws


def impatient(aws: LocalAws, service: str) -> Any:
    """Make a client that does not try again."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60)
    session: Any = boto3.session.Session()
    return session.client(service, region_name=REGION, endpoint_url=aws.endpoint, config=config)


class Stack:
    """A stack that a test creates, changes and looks at.

    Attributes:
        name: Its name.
    """

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.aws = aws
        self.name = name
        self.api = strict(aws.client("cloudformation"))

    @classmethod
    def new(cls, aws: LocalAws) -> "Stack":
        """Make one with a name that no other has."""
        return cls(aws, f"stack-{next(_NUMBERS)}")

    def create(self, resources: Resources, *, options: Any = None, **sections: Any) -> str:
        """Create it and give its status."""
        body = template(resources, **sections)
        self.api.create_stack(StackName=self.name, TemplateBody=body, **(options or {}))
        return self.status

    def update(self, resources: Resources, *, options: Any = None, **sections: Any) -> str:
        """Update it and give its status."""
        body = template(resources, **sections)
        self.api.update_stack(StackName=self.name, TemplateBody=body, **(options or {}))
        return self.status

    def delete(self) -> None:
        """Delete it."""
        self.api.delete_stack(StackName=self.name)

    def describe(self) -> dict[str, Any]:
        """Describe it."""
        (found,) = self.api.describe_stacks(StackName=self.name)["Stacks"]
        return dict(found)

    @property
    def status(self) -> str:
        """Its status."""
        return str(self.describe()["StackStatus"])

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs."""
        outputs = self.describe().get("Outputs", [])
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def ids(self) -> dict[str, str]:
        """The physical ids of its resources."""
        found = self.api.describe_stack_resources(StackName=self.name)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    def events(self, *statuses: str) -> list[tuple[str, str, str]]:
        """Its events, the oldest first: resource, status and reason."""
        found = self.api.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            (
                item["LogicalResourceId"],
                item["ResourceStatus"],
                item.get("ResourceStatusReason", ""),
            )
            for item in reversed(found)
            if not statuses or item["ResourceStatus"] in statuses
        ]


def template(resources: Resources, **sections: Any) -> str:
    """Write a template."""
    return json.dumps({"Resources": resources, **sections})


def resource(kind: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Declare a resource of a type such as `EC2::VPC`."""
    return {"Type": f"AWS::{kind}", "Properties": properties or {}, **more}


def parameter(value: Any, **more: Any) -> dict[str, Any]:
    """Declare an SSM parameter: the cheapest resource that holds any text."""
    return resource("SSM::Parameter", {"Type": "String", "Value": value} | more)


def batch_job(aws: LocalAws, script: str, image: str = "image", **more: Any) -> str:
    """Submit a job that runs a script; `more` joins its container's properties."""
    batch = aws.client("batch")
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    name = f"job-{next(_NUMBERS)}"
    aws.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
    )
    aws.client("iam").create_instance_profile(InstanceProfileName=name)
    aws.client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={
            "type": "EC2",
            "minvCpus": 0,
            "maxvCpus": 4,
            "instanceTypes": ["optimal"],
            "subnets": [subnet],
            "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
            "instanceRole": name,
        },
    )
    order = [{"order": 1, "computeEnvironment": name}]
    batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}]
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": image,
            "command": ["sh", "-c", script],
            "resourceRequirements": needs,
            **more,
        },
    )
    return str(batch.submit_job(jobName=name, jobQueue=name, jobDefinition=name)["jobId"])
