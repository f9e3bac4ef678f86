"""What a deployment without a way out cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextflow_batch import Registries, WorkerOptions
    from stacks.settings.head import Head
    from stacks.settings.storage import Storage

#: Where the public buckets are that settings files of this project name. An endpoint of S3 reaches
#: the buckets of its own region only: https://registry.opendata.aws
PUBLIC_BUCKETS = {"1000genomes": "us-east-1", "ngi-igenomes": "eu-west-1"}
_ISOLATED = "is not allowed with network.egress isolated"


def isolation_problems(
    *,
    head: Head,
    registries: Registries,
    storage: Storage,
    worker: WorkerOptions,
    task_s3_client: str,
    region: str,
) -> Iterator[Problem]:
    """What needs the internet, in the settings of a deployment that has no way there.

    Args:
        head: The settings of the head.
        registries: Of whose images there are copies.
        storage: The settings of the data.
        worker: From which repositories of ECR tasks' images may be pulled.
        task_s3_client: Which `aws` tasks use.
        region: The deployment's.

    Yields:
        The problems.
    """
    if head.git_secret:
        text = f"{_ISOLATED}: no Git host can be reached; remove it, and keep projects in S3"
        yield Problem(("head", "git_secret"), text)
    if head.seqera_secret:
        yield Problem(
            ("head", "seqera_secret"), f"{_ISOLATED}: Seqera Platform cannot be reached; remove it"
        )
    if task_s3_client == "aws-cli":
        text = f'"aws-cli" {_ISOLATED}: workers cannot download the AWS CLI; must be own'
        yield Problem(("task_s3_client",), text)
    if not any(registries.upstreams()) and not worker.image_repositories:
        text = (
            "must be set with network.egress isolated: tasks could pull no image; set one of"
            " docker_hub, github, quay and ecr_public, or worker.image_repositories"
        )
        yield Problem(("registries",), text)
    for position, name in enumerate(storage.reference_buckets):
        place = PUBLIC_BUCKETS.get(name, region)
        if place != region:
            text = (
                f"{quote(name)} {_ISOLATED}: it is in {place}, and only buckets in"
                f" {region} can be reached; copy what you need to a bucket there"
            )
            yield Problem(("storage", "reference_buckets", position), text)
