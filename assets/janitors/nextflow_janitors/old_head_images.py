"""Deletes images of heads that only earlier revisions of the head's job definition name.

The CDK pushes each version of the head's image into a repository that all its apps in the account
and region share. An image is this deployment's if a revision of its head's job definition names it.
Earlier revisions stay ACTIVE after a deploy, as a living head may need its own for the next
attempt. Batch knows an INACTIVE one for 180 days:
https://docs.aws.amazon.com/batch/latest/APIReference/API_DeregisterJobDefinition.html

The CDK pushes an image that is missing when a deploy wants it again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nextflow_janitors import jobs, report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "old head images"
#: How long ago an image must have been pushed.
AGE = timedelta(days=30)
#: Of the earlier images; a deploy that fails returns to the last one.
KEPT = 2
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
_DELETED_AT_ONCE = 100


def handler(_event: object, _context: object = None) -> report.Facts:
    """Handle a tick of the schedule."""
    environment = Environment.read()
    return report.run(
        NAME,
        environment.deployment,
        lambda: delete(environment, batch=client("batch"), ecr=client("ecr")),
    )


def delete(
    environment: Environment, *, batch: Any, ecr: Any, now: datetime | None = None
) -> report.Facts:
    """Delete them.

    Args:
        environment: The deployment.
        batch: A client.
        ecr: A client.
        now: The time; the clock's when not given.

    Returns:
        The images' tags, those that ECR did not delete, and how many are kept.
    """
    pages = batch.get_paginator("describe_job_definitions")
    active = [each for page in pages.paginate(status="ACTIVE") for each in page["jobDefinitions"]]
    heads = [each for each in active if each["jobDefinitionName"] == environment.head]
    # What people submit by the definition's name.
    newest = max(heads, key=_revision, default=None)
    if newest is None:
        return {"deleted": [], "reason": f"{environment.head} has no active revision"}
    heads.remove(newest)
    used = set(_images([each for each in active if each not in heads]))
    alive = {job["jobDefinition"] for job in _alive(batch, environment)}
    heads += [
        each
        for page in pages.paginate(jobDefinitionName=environment.head, status="INACTIVE")
        for each in page["jobDefinitions"]
    ]
    earlier = sorted(heads, key=_revision, reverse=True)
    used.update(*(_images(each) for each in earlier if each["jobDefinitionArn"] in alive))
    tags = [tag for image in dict.fromkeys(_images(earlier)) if (tag := _tag(image, environment))]
    gone = set(tags[KEPT:]) - {_tag(image, environment) for image in used}
    old = sorted(gone & set(_pushed_before((now or datetime.now(UTC)) - AGE, ecr, environment)))
    failed: list[str] = []
    for first in range(0, len(old), _DELETED_AT_ONCE):
        answer = ecr.batch_delete_image(
            repositoryName=environment.repository,
            imageIds=[{"imageTag": tag} for tag in old[first : first + _DELETED_AT_ONCE]],
        )
        failed += [each["imageId"]["imageTag"] for each in answer["failures"]]
    done = [tag for tag in old if tag not in failed]
    return {"deleted": done, "failed": failed, "kept": len(set(tags)) - len(done)}


def _revision(definition: dict[str, Any]) -> int:
    return int(definition["revision"])


def _alive(batch: Any, environment: Environment) -> Iterator[dict[str, Any]]:
    """Heads, which start their next attempt from the image of their own revision."""
    for job in jobs.listed(batch, environment.queues, jobs.ALIVE):
        if jobs.is_of(job, environment.head):
            yield job


def _images(value: Any) -> Iterator[str]:
    """The images that definitions name, in whatever kind of container."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "image" and isinstance(item, str):
                yield item
            else:
                yield from _images(item)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)


def _tag(image: str, environment: Environment) -> str | None:
    """The tag of an image in the repository; none for an image elsewhere."""
    repository = re.escape(environment.repository)
    found = re.fullmatch(rf"\d+\.dkr\.ecr\.[^/]+/{repository}:([\w.-]+)", image)
    return found[1] if found else None


def _pushed_before(latest: datetime, ecr: Any, environment: Environment) -> Iterator[str]:
    pages = ecr.get_paginator("describe_images").paginate(
        repositoryName=environment.repository, filter={"tagStatus": "TAGGED"}
    )
    for page in pages:
        for image in page["imageDetails"]:
            if image["imagePushedAt"] < latest:
                yield from image["imageTags"]
