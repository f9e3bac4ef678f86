"""What may be read and written through a VPC's endpoint of S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextflow_batch.storage import Storage


def open_statements(storage: Storage) -> list[iam.PolicyStatement]:
    """For a VPC with a way out: read anything, write to the deployment's buckets only.

    Whatever S3 holds for everybody can be read: registries such as quay.io keep images there, and
    others keep data. In the endpoint's region, nobody's credentials write elsewhere.
    """
    return [
        _use(storage.written_buckets),
        _allow("ReadAnything", ["s3:Get*", "s3:List*"], ["*"]),
    ]


def closed_statements(stack: Stack, storage: Storage) -> list[iam.PolicyStatement]:
    """For a VPC without a way out: what the deployment needs, and nothing else.

    Args:
        stack: The stack of the endpoint, whose region and account count.
        storage: The deployment's data.
    """
    read = list(storage.read_buckets)
    objects = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging"]
    references = [
        _allow(
            "ReadReferences",
            [*objects, "s3:GetBucketLocation", "s3:ListBucket"],
            [*read, *(f"{arn}/*" for arn in read)],
        )
    ]
    return [
        _use(storage.written_buckets),
        *(references if read else ()),
        _allow("FetchWorkerPrograms", objects[:1], [_objects(stack, _asset_bucket(stack))]),
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
        _allow(
            "PullImageLayers",
            objects[:1],
            [_objects(stack, f"prod-{stack.region}-starport-layer-bucket")],
        ),
        # https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html
        _allow(
            "InstallPackages",
            objects[:1],
            [_objects(stack, f"al2023-repos-{stack.region}-de612dc2")],
        ),
    ]


def _use(buckets: Sequence[str]) -> iam.PolicyStatement:
    # What a role may do there is in its own policy.
    return _allow("UseData", ["s3:*"], [*buckets, *(f"{arn}/*" for arn in buckets)])


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    # Of any principal: ECR signs the addresses of layers, and packages are fetched unsigned.
    return iam.PolicyStatement(
        sid=sid, principals=[iam.AnyPrincipal()], actions=actions, resources=resources
    )


def _objects(stack: Stack, bucket: str) -> str:
    return f"arn:{stack.partition}:s3:::{bucket}/*"


def _asset_bucket(stack: Stack) -> str:
    """Where `cdk deploy` puts the worker's programs."""
    qualifier = stack.synthesizer.bootstrap_qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER
    return f"cdk-{qualifier}-assets-{stack.account}-{stack.region}"
