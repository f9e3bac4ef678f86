"""Checks of queues, compute environments, launch template and AMI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nfbatch import site as sites
from nfbatch.doctor import network, waiting
from nfbatch.doctor.cause import Finding
from nfbatch.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.site import Site

_OLDEST_AMI_DAYS = 180
_AMI = "https://docs.aws.amazon.com/batch/latest/userguide/batch-ami-spec.html"


def _queues(site: Site) -> Iterator[tuple[str, str]]:
    found = {each["jobQueueName"]: each for each in site.queues}
    for name in site.deployment.queues:
        queue = found.get(name)
        if queue is None:
            yield f"the queue {name} does not exist", "deploy again"
        elif queue["state"] == "DISABLED":
            yield (
                f"the queue {name} is disabled",
                f"aws batch update-job-queue --job-queue {name} --state ENABLED",
            )
        elif queue["status"] == "INVALID":
            yield f"the queue {name} is INVALID: {queue.get('statusReason')}", "deploy again"


def _environments(site: Site) -> Iterator[tuple[str, str] | Finding]:
    for environment in site.environments:
        name = environment["computeEnvironmentName"]
        if environment["status"] == "INVALID":
            yield waiting.invalid(environment, {})
        elif environment["state"] == "DISABLED":
            yield (
                f"the compute environment {name} is disabled",
                f"aws batch update-compute-environment --compute-environment {name} --state"
                " ENABLED",
            )


def _launch_templates(site: Site) -> Iterator[tuple[str, str]]:
    ec2 = site.client("ec2")
    templates = [each for each in site.launch_templates if each.get("launchTemplateId")]
    if not templates:
        return
    ids = sorted({each["launchTemplateId"] for each in templates})
    filters = [{"Name": "launch-template-id", "Values": ids}] if ids else []
    answer = ec2.describe_launch_templates(Filters=filters)["LaunchTemplates"]
    newest = {each["LaunchTemplateId"]: int(each["LatestVersionNumber"]) for each in answer}
    for template in templates:
        name, version = template["launchTemplateId"], template.get("version") or "$Default"
        if name not in newest:
            yield f"the launch template {name} was deleted", "deploy again"
        elif version != str(newest[name]):
            yield (
                f"the compute environments use version {version} of the launch template {name}, and"
                f" the newest is {newest[name]}",
                "deploy again, which updates the environments",
            )


def _images(site: Site) -> Iterator[tuple[str, str] | Finding]:
    for environment in site.environments:
        name = environment["computeEnvironmentName"]
        for entry in sites.resources(environment).get("ec2Configuration", []):
            if entry.get("imageType") in ("ECS_AL2", "ECS_AL2_NVIDIA"):
                yield (
                    f"{name} uses Amazon Linux 2 ({entry['imageType']}), which Batch no longer"
                    " supports for new environments",
                    "set image_type: ECS_AL2023 in the settings and deploy again",
                )
            if entry.get("batchImageStatus") == "UPDATE_AVAILABLE":
                yield _note(
                    f"{name} starts an older AMI than Batch's newest",
                    "deploy again, or aws batch update-compute-environment --compute-environment"
                    f" {name} --compute-resources updateToLatestImageVersion=true",
                )
            if image := entry.get("imageIdOverride"):
                yield from _own_image(site, name, image)


def _own_image(site: Site, environment: str, image: str) -> Iterator[tuple[str, str] | Finding]:
    filters = [{"Name": "image-id", "Values": [image]}]
    found = site.client("ec2").describe_images(Filters=filters)["Images"]
    if not found:
        yield (
            f"{environment} starts the AMI {image}, which does not exist or is not shared",
            "change image_id in the settings and deploy again",
        )
        return
    created = datetime.fromisoformat(found[0]["CreationDate"])
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    days = (datetime.now(UTC) - created).days
    if days > _OLDEST_AMI_DAYS:
        yield _note(
            f"{environment} starts the AMI {image}, which is {days} days old",
            "change image_id in the settings to a newer one, and deploy again",
        )


def _note(sentence: str, remedy: str) -> Finding:
    return Finding(id="ami", sentence=sentence, remedy=remedy, link=_AMI, is_problem=False)


def _ways_out(site: Site) -> Iterator[tuple[str, str]]:
    for text in network.obstacles(site):
        yield (
            f"{text}: workers there cannot join",
            "give it a NAT gateway or the endpoints that docs/network.md lists",
        )
    for subnet in site.subnets:
        free = subnet["AvailableIpAddressCount"]
        if free < network.FEWEST_ADDRESSES:
            yield (
                f"{subnet['SubnetId']} has only {free} free addresses",
                "add larger subnets to network.existing in the settings",
            )


COMPUTE = (
    Check(
        id="queues",
        title="job queues",
        action="batch:DescribeJobQueues",
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_queues.html",
        run=_queues,
    ),
    Check(
        id="environments",
        title="compute environments",
        action="batch:DescribeComputeEnvironments",
        link="https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html",
        run=_environments,
    ),
    Check(
        id="launch-template",
        title="version of the launch template",
        action="ec2:DescribeLaunchTemplates",
        link="https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html",
        run=_launch_templates,
    ),
    Check(
        id="ami",
        title="family and age of the AMI",
        action="ec2:DescribeImages",
        link=_AMI,
        run=_images,
    ),
    Check(
        id="network",
        title="the subnets' way out and endpoints",
        action="ec2:DescribeRouteTables",
        link="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html",
        run=_ways_out,
    ),
)
