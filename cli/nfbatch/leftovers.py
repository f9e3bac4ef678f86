"""What deployments that were destroyed and runs that crashed have left in an account and region.

Whose something is, its tag tells. Job definitions of tasks have none of ours; their name begins
with their deployment's, and so does the name of their tasks' role
(docs/adr/0019-what-a-task-cannot-write.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nfbatch.error import Kind, NfbatchError
from nfbatch.site import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.aws import Aws

PLURALS = {
    "definition": "job definitions",
    "head-image": "images of heads",
    "volume": "volumes",
    "log-group": "log groups",
    "bucket": "buckets",
    "key": "KMS keys",
    "images": "repositories with copies of images",
}
_DEFINITION = re.compile(r"nf-(?P<deployment>[a-z][a-z0-9-]*)_")
#: An image that the CDK has pushed.
_ASSET = re.compile(r"\d+\.dkr\.ecr\.[^/]+/(?P<image>cdk-\w+-container-assets-\d+-[\w-]+:[\w.-]+)")
#: A worker attaches a volume within seconds, or deletes it.
_IN_USE_SOON = timedelta(hours=1)
_TAGGED = {
    "log-group": re.compile(r"arn:[\w-]+:logs:[^:]*:\d+:log-group:(?P<id>[^:*]+)"),
    "bucket": re.compile(r"arn:[\w-]+:s3:::(?P<id>[^/]+)"),
    "key": re.compile(r"arn:[\w-]+:kms:[^:]*:\d+:key/(?P<id>.+)"),
}
#: The beginnings of the names of repositories with copies, behind the deployment's name.
_COPIES = re.compile(r"(?P<deployment>[a-z][a-z0-9-]*)/(?:hub|ghcr|quay|ecr)(?:-\w{4})?/")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that nobody uses any more.

    Attributes:
        kind: A key of `PLURALS`.
        id: Its id or name.
        deployment: Whose it was.
        detail: More about it.
        is_removable: Whether it may be removed: never data, nor what cannot be proved to be ours.
    """

    kind: str
    id: str
    deployment: str
    detail: str = ""
    is_removable: bool = True

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "id": self.id,
            "deployment": self.deployment,
            "detail": self.detail,
            "removable": self.is_removable,
        }

    def remove(self, aws: Aws) -> None:
        """Removes it.

        Args:
            aws: The account and region.

        Raises:
            NfbatchError: ECR keeps the image.
        """
        if self.kind == "definition":
            aws.client("batch").deregister_job_definition(jobDefinition=self.id)
        elif self.kind == "head-image":
            repository, _, tag = self.id.partition(":")
            answer = aws.client("ecr").batch_delete_image(
                repositoryName=repository, imageIds=[{"imageTag": tag}]
            )
            for failure in answer["failures"]:
                raise NfbatchError(Kind.NO_PERMISSION, failure["failureReason"])
        elif self.kind == "volume":
            aws.client("ec2").delete_volume(VolumeId=self.id)
        elif self.kind == "log-group":
            aws.client("logs").delete_log_group(logGroupName=self.id)
        else:
            raise ValueError(f"{self.kind} is never removed")


def find(aws: Aws) -> list[Leftover]:
    """Everything that is left.

    Args:
        aws: The account and region.
    """
    existing = _existing(aws)
    tagged = list(_of_tags(aws))
    gone = {each.deployment for each in tagged} - existing
    found = [each for each in tagged if each.deployment in gone]
    return [
        *_definitions(aws, existing, gone),
        *_head_images(aws, existing),
        *_volumes(aws, existing),
        *found,
        *_copies(aws, existing, gone),
    ]


def _existing(aws: Aws) -> set[str]:
    """The deployments that exist: by their documents, and by the tags of queues and stacks.

    Versions before the document, and deployments that are being created, have no document.
    """
    from nfbatch import deployment  # noqa: PLC0415 - named like what it finds

    existing = set(deployment.names(aws))
    pages = aws.client("batch").get_paginator("describe_job_queues").paginate()
    for page in pages:
        for queue in page["jobQueues"]:
            existing.add(queue.get("tags", {}).get(DEPLOYMENT_TAG, ""))
    stacks = aws.client("cloudformation").get_paginator("describe_stacks").paginate()
    for page in stacks:
        for stack in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            existing.add(tags.get(DEPLOYMENT_TAG, ""))
    return existing - {""}


def _definitions(aws: Aws, existing: set[str], gone: set[str]) -> Iterator[Leftover]:
    for each in _registered(aws, "ACTIVE"):
        name = _owner(each, gone)
        if name and name not in existing:
            yield Leftover(
                kind="definition",
                id=f"{each['jobDefinitionName']}:{each['revision']}",
                deployment=name,
                detail=_image(each),
            )


def _registered(aws: Aws, status: str) -> Iterator[dict[str, Any]]:
    pages = aws.client("batch").get_paginator("describe_job_definitions").paginate(status=status)
    for page in pages:
        yield from page["jobDefinitions"]


def _image(definition: dict[str, Any]) -> str:
    return str(definition.get("containerProperties", {}).get("image", ""))


def _head_images(aws: Aws, existing: set[str]) -> Iterator[Leftover]:
    """What the job definitions of destroyed deployments' heads name, and no other does.

    Batch remembers them for 180 days:
    https://docs.aws.amazon.com/batch/latest/APIReference/API_DeregisterJobDefinition.html
    """
    active, inactive = (list(_named(aws, status)) for status in ("ACTIVE", "INACTIVE"))
    used = {image for image, name in active if name in existing | {None}}
    left = {
        image: name
        for image, name in [*active, *inactive]
        if name and name not in existing and image not in used
    }
    for repository in sorted({image.partition(":")[0] for image in left}):
        for image, gib in _stored(aws, repository):
            if name := left.get(image):
                yield Leftover(
                    kind="head-image", id=image, deployment=name, detail=f"{gib:.1f} GiB"
                )


def _named(aws: Aws, status: str) -> Iterator[tuple[str, str | None]]:
    """Each image in a repository of the CDK that a job definition names, and whose that is."""
    for each in _registered(aws, status):
        if found := _ASSET.fullmatch(_image(each)):
            yield found["image"], each.get("tags", {}).get(DEPLOYMENT_TAG)


def _stored(aws: Aws, repository: str) -> Iterator[tuple[str, float]]:
    """The images in a repository, and their sizes."""
    pages = (
        aws.client("ecr")
        .get_paginator("describe_images")
        .paginate(repositoryName=repository, filter={"tagStatus": "TAGGED"})
    )
    for page in pages:
        for image in page["imageDetails"]:
            for tag in image["imageTags"]:
                yield f"{repository}:{tag}", image.get("imageSizeInBytes", 0) / 2**30


def _owner(definition: dict[str, Any], gone: set[str]) -> str | None:
    """Whose a job definition is: a head's by its tag, a task's by its name."""
    if name := definition.get("tags", {}).get(DEPLOYMENT_TAG):
        return str(name)
    found = _DEFINITION.match(definition["jobDefinitionName"])
    if not found:
        return None
    name = found["deployment"]
    role = definition.get("containerProperties", {}).get("jobRoleArn", "")
    # Plain Nextflow names definitions after images, `nf-` and whatever the image is called.
    return name if name in gone or f"nextflow-{name}-" in role else None


def _volumes(aws: Aws, existing: set[str]) -> Iterator[Leftover]:
    filters = [
        {"Name": "tag-key", "Values": [DEPLOYMENT_TAG]},
        {"Name": "status", "Values": ["available"]},
    ]
    pages = aws.client("ec2").get_paginator("describe_volumes").paginate(Filters=filters)
    for page in pages:
        for volume in page["Volumes"]:
            tags = {tag["Key"]: tag["Value"] for tag in volume.get("Tags", [])}
            age = datetime.now(UTC) - volume["CreateTime"]
            if age < _IN_USE_SOON:
                continue
            name = tags[DEPLOYMENT_TAG]
            left_by = "a crashed worker" if name in existing else "a destroyed deployment"
            yield Leftover(
                kind="volume",
                id=volume["VolumeId"],
                deployment=name,
                detail=f"{volume['Size']} GiB, {age.days} days old, of {left_by}",
            )


def _of_tags(aws: Aws) -> Iterator[Leftover]:
    """What is retained when a deployment is destroyed: logs; data and its key, never removed."""
    pages = (
        aws.client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(TagFilters=[{"Key": DEPLOYMENT_TAG}])
    )
    for page in pages:
        for entry in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
            for kind, arn in _TAGGED.items():
                if found := arn.fullmatch(entry["ResourceARN"].removesuffix(":*")):
                    is_log = kind == "log-group"
                    yield Leftover(
                        kind=kind,
                        id=found["id"],
                        deployment=tags[DEPLOYMENT_TAG],
                        detail="" if is_log else "never removed by nfbatch: it holds data",
                        is_removable=is_log,
                    )


def _copies(aws: Aws, existing: set[str], gone: set[str]) -> Iterator[Leftover]:
    pages = aws.client("ecr").get_paginator("describe_repositories").paginate()
    for page in pages if gone else []:
        for repository in page["repositories"]:
            found = _COPIES.match(repository["repositoryName"])
            if found and found["deployment"] in gone - existing:
                yield Leftover(
                    kind="images",
                    id=repository["repositoryName"],
                    deployment=found["deployment"],
                    detail="never removed by nfbatch: it has no tag that proves whose it is",
                    is_removable=False,
                )
