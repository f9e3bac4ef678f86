"""What a deployment without a way out cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stacks.settings.settings import Settings

#: Where the public buckets are that settings files of this project name. An endpoint of S3 reaches
#: the buckets of its own region only: https://registry.opendata.aws
_PUBLIC_BUCKETS = {"1000genomes": "us-east-1", "ngi-igenomes": "eu-west-1"}
_ISOLATED = "is not allowed with network.egress isolated"


def isolation_problems(settings: Settings) -> Iterator[Problem]:
    """What needs the internet, although the network has no way there.

    Args:
        settings: The settings, of which each is allowed.

    Yields:
        The problems; none with another egress.
    """
    if settings.network.egress != "isolated":
        return
    if settings.head.git_secret:
        text = f"{_ISOLATED}: no Git host can be reached; remove it, and keep projects in S3"
        yield Problem(("head", "git_secret"), text)
    if settings.head.seqera_secret:
        yield Problem(
            ("head", "seqera_secret"), f"{_ISOLATED}: Seqera Platform cannot be reached; remove it"
        )
    if settings.task_s3_client == "aws-cli":
        text = f'"aws-cli" {_ISOLATED}: workers cannot download the AWS CLI; must be own'
        yield Problem(("task_s3_client",), text)
    if not any(settings.registries.upstreams()):
        text = (
            "must be set with network.egress isolated: tasks could pull no image; set one of"
            " docker_hub, github, quay and ecr_public"
        )
        yield Problem(("registries",), text)
    for position, name in enumerate(settings.storage.reference_buckets):
        region = _PUBLIC_BUCKETS.get(name, settings.region)
        if region != settings.region:
            text = (
                f"{quote(name)} {_ISOLATED}: it is in {region}, and only buckets in"
                f" {settings.region} can be reached; copy what you need to a bucket there"
            )
            yield Problem(("storage", "reference_buckets", position), text)
