"""How much a folder in S3 stores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.s3_uri import S3Uri

#: Each page has a thousand objects, and takes a call.
_PAGES = 100


@dataclass(frozen=True)
class Stored:
    """What a folder stores.

    Attributes:
        bytes: The size of its objects; earlier versions are not counted.
        is_all: Whether all were counted.
    """

    bytes: int
    is_all: bool


def measure(aws: Aws, folder: S3Uri) -> Stored:
    """The size of the first 100,000 objects below a folder.

    Args:
        aws: The account and region.
        folder: The folder.
    """
    pages = (
        aws.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=folder.bucket, Prefix=f"{folder.key}/")
    )
    size, is_all = 0, True
    for page in islice(pages, _PAGES):
        size += sum(item["Size"] for item in page.get("Contents", []))
        is_all = not page.get("IsTruncated")
    return Stored(size, is_all)
