"""`nfbatch copy-references`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import deployment, options, output
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Iterator


def copy_references(
    *,
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="S3-PREFIX...", help="What to copy, such as s3://ngi-igenomes/igenomes/GRCh38/."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be copied, and its size.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Copy references of another region into the deployment's bucket, once.

    S3 copies them itself: nothing passes this machine or the NAT gateway. What is there already, by
    name and size, is not copied again, so an interrupted copy is continued by the same command.

    [bold]Example[/]
    $ nfbatch copy-references s3://ngi-igenomes/igenomes/Homo_sapiens/GATK/GRCh38/
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    own = target.runs.bucket
    sources = [_source(place, own) for place in places]
    s3 = aws.client("s3")
    copied = skipped = size = 0
    for bucket, prefix in sources:
        folder = f"references/{bucket}/"
        present = dict(_objects(s3, own, f"{folder}{prefix}"))
        before = copied + skipped
        for key, length in _objects(s3, bucket, prefix):
            if present.get(f"{folder}{key}") == length:
                skipped += 1
                continue
            copied, size = copied + 1, size + length
            if dry_run:
                continue
            output.say(f"copying s3://{bucket}/{key}")
            s3.copy({"Bucket": bucket, "Key": key}, own, f"{folder}{key}")
        if copied + skipped == before:
            text = f"there is nothing below s3://{bucket}/{prefix}: check its name"
            raise NfbatchError(Kind.NOT_FOUND, text)
    found = {"objects": copied, "bytes": size, "present": skipped, "dry_run": dry_run}
    place = f"s3://{own}/references/"
    if as_json:
        output.print_json({**found, "references": place})
        return
    verb = "would be copied" if dry_run else "copied"
    print(f"{copied:,} objects, {size / 1e9:,.1f} GB {verb} to {place}; {skipped:,} were there")


def _source(place: str, own: str) -> tuple[str, str]:
    """Bucket and prefix."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not place.startswith("s3://") or not bucket or not prefix:
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"{place} is not allowed: must be a prefix in a bucket, such as"
            " s3://ngi-igenomes/igenomes/Homo_sapiens/GATK/GRCh38/",
        )
    if bucket == own:
        raise NfbatchError(
            Kind.BAD_INPUT, f"{place} is not allowed: it is in the deployment's own bucket"
        )
    return bucket, prefix


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            yield item["Key"], item["Size"]
