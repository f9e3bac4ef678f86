"""What a deployment consists of in AWS, asked once for all checks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nfbatch.aws import Aws, Client
    from nfbatch.deployment import Deployment

#: Of everything that a deployment creates.
DEPLOYMENT_TAG = "nextflow-batch:deployment"


class Site:
    """A deployment's queues, environments and network.

    Args:
        aws: The account and region.
        deployment: The deployment.
    """

    def __init__(self, aws: Aws, deployment: Deployment) -> None:
        self.aws = aws
        self.deployment = deployment

    def client(self, service: str) -> Client:
        """A client of a service."""
        return self.aws.client(service)

    @cached_property
    def queues(self) -> list[dict[str, Any]]:
        """The queues, as DescribeJobQueues tells them."""
        answer = self.client("batch").describe_job_queues(jobQueues=list(self.deployment.queues))
        found: list[dict[str, Any]] = answer["jobQueues"]
        return found

    @cached_property
    def environments(self) -> list[dict[str, Any]]:
        """The compute environments of all queues, as DescribeComputeEnvironments tells them."""
        names = dict.fromkeys(
            entry["computeEnvironment"]
            for queue in self.queues
            for entry in queue["computeEnvironmentOrder"]
        )
        if not names:
            return []
        found: list[dict[str, Any]] = self.client("batch").describe_compute_environments(
            computeEnvironments=list(names)
        )["computeEnvironments"]
        return found

    def queue(self, name: str) -> dict[str, Any] | None:
        """A queue by its name or ARN."""
        return next(
            (each for each in self.queues if name in (each["jobQueueName"], each["jobQueueArn"])),
            None,
        )

    def environments_of(self, queue: dict[str, Any]) -> list[dict[str, Any]]:
        """The environments of a queue, in its order."""
        known = {
            name: each
            for each in self.environments
            for name in (each["computeEnvironmentArn"], each["computeEnvironmentName"])
        }
        order = sorted(queue["computeEnvironmentOrder"], key=lambda entry: int(entry["order"]))
        return [
            known[entry["computeEnvironment"]]
            for entry in order
            if entry["computeEnvironment"] in known
        ]

    @cached_property
    def head_definition(self) -> dict[str, Any] | None:
        """The newest revision of the head's job definition."""
        answer = self.client("batch").describe_job_definitions(
            jobDefinitionName=self.deployment.job_definition, status="ACTIVE"
        )
        found: list[dict[str, Any]] = answer["jobDefinitions"]
        return max(found, key=lambda each: int(each["revision"]), default=None)

    @cached_property
    def launch_templates(self) -> list[dict[str, Any]]:
        """The launch templates of the environments, each once."""
        found = {}
        for environment in self.environments:
            template = resources(environment).get("launchTemplate")
            if template:
                found[str(template)] = template
        return list(found.values())

    def template_data(self, template: dict[str, Any]) -> dict[str, Any]:
        """What a launch template contains, in the version that an environment uses.

        Args:
            template: As the environment names it.
        """
        name = {
            key[:1].upper() + key[1:]: template[key]
            for key in ("launchTemplateId", "launchTemplateName")
            if template.get(key)
        }
        versions = self.client("ec2").describe_launch_template_versions(
            **name, Versions=[template.get("version") or "$Default"]
        )["LaunchTemplateVersions"]
        data: dict[str, Any] = versions[0]["LaunchTemplateData"] if versions else {}
        return data

    @cached_property
    def subnets(self) -> list[dict[str, Any]]:
        """The subnets of all environments, as DescribeSubnets tells them."""
        ids = sorted(
            {subnet for each in self.environments for subnet in resources(each).get("subnets", [])}
        )
        if not ids:
            return []
        found: list[dict[str, Any]] = self.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
        return found


def resources(environment: dict[str, Any]) -> dict[str, Any]:
    """`computeResources` of an environment."""
    found: dict[str, Any] = environment.get("computeResources", {})
    return found


def is_spot(environment: dict[str, Any]) -> bool:
    """Whether an environment starts Spot instances."""
    return bool(resources(environment).get("type") == "SPOT")


def account_of(arn: str) -> str:
    """The account in an ARN."""
    return arn.split(":")[4]
