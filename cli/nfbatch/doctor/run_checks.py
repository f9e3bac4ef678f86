"""Checks of what runs need: the head's image, the bucket, calls to AWS; and of what runs left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nfbatch import leftovers, run
from nfbatch.doctor.cause import Finding
from nfbatch.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.site import Site

_ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com[\w.]*/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:\w+))?"
)
#: SubmitJob calls a second: those that a head makes at most, and those of an account.
#: https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
_OF_HEAD, _OF_ACCOUNT = 40, 50
_LIMITS = "https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html"


def _head_image(site: Site) -> Iterator[tuple[str, str]]:
    definition = site.head_definition
    if definition is None:
        yield (
            f"the head's job definition {site.deployment.job_definition} is not registered",
            "deploy again",
        )
        return
    image = definition["containerProperties"]["image"]
    found = _ECR_IMAGE.fullmatch(image)
    if found is None:
        return
    ecr = site.client("ecr")
    named = {"imageDigest": found["digest"]} if found["digest"] else {"imageTag": found["tag"]}
    try:
        ecr.describe_images(
            registryId=found["account"], repositoryName=found["repository"], imageIds=[named]
        )
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        yield f"the head's image {image} does not exist any more", "deploy again, which pushes it"


def _bucket(site: Site) -> Iterator[tuple[str, str]]:
    s3 = site.client("s3")
    for bucket in sorted({site.deployment.runs.bucket, site.deployment.logs.bucket}):
        try:
            answer = s3.head_bucket(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            yield f"the bucket {bucket} does not exist", "deploy again"
            continue
        headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
        region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
        if region and region != site.aws.region:
            yield (
                f"the bucket {bucket} is in {region}, and the workers are in {site.aws.region}:"
                " each GB between them costs money and time",
                f"use a bucket in {site.aws.region}",
            )


def _orphans(site: Site) -> Iterator[Finding]:
    found = [each for each in leftovers.find(site.aws) if each.is_removable]
    counts: dict[str, int] = {}
    for each in found:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    for kind, count in sorted(counts.items()):
        yield Finding(
            id="leftovers",
            sentence=f"{count} {leftovers.PLURALS[kind]} are left of deployments or runs that no"
            " longer exist",
            remedy="nfbatch leftovers --remove, which shows them and asks",
            link="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-volume.html",
            is_problem=kind == "volume",
        )


def _calls(site: Site) -> Iterator[Finding]:
    running = [each for each in run.newest(site.aws, site.deployment, None) if not each.has_ended]
    active = [each for each in running if each.state == "RUNNING"]
    if len(active) * _OF_HEAD > _OF_ACCOUNT:
        yield Finding(
            id="api-budget",
            sentence=f"{len(active)} runs are active, and together may submit"
            f" {len(active) * _OF_HEAD} jobs a second; the account's limit is {_OF_ACCOUNT}, beyond"
            " which Nextflow repeats calls",
            remedy="nothing, unless runs are slow; then start fewer at a time",
            link=_LIMITS,
            is_problem=False,
        )


RUNS = (
    Check(
        id="head-image",
        title="the head's image",
        action="ecr:DescribeImages",
        link="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html",
        run=_head_image,
    ),
    Check(
        id="bucket-region",
        title="the bucket's region",
        action="s3:ListBucket",
        link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html",
        run=_bucket,
    ),
    Check(
        id="leftovers",
        title="volumes and definitions that nobody uses",
        action="ec2:DescribeVolumes",
        link="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-volume.html",
        run=_orphans,
    ),
    Check(
        id="api-budget",
        title="calls to AWS Batch",
        action="batch:ListJobs",
        link=_LIMITS,
        run=_calls,
    ),
)
