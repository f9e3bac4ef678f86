"""Places in S3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

#: boto3 makes its clients while it runs, so they have no type to name.
Client = Any


@dataclass(frozen=True)
class Location:
    """A bucket and a key, or a key's beginning.

    Attributes:
        bucket: The bucket's name.
        key: The key, or the prefix that stands for a folder; never with a slash at either end.
    """

    PATTERN: ClassVar = r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<key>\S*))?"

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Reads `s3://BUCKET/KEY`.

        Raises:
            ValueError: It is not of that form.
        """
        match = re.fullmatch(cls.PATTERN, uri)
        if match is None:
            raise ValueError(uri)
        return cls(match["bucket"], (match["key"] or "").strip("/"))

    def __truediv__(self, name: str) -> Location:
        return Location(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")


def client(region: str, endpoint: str | None, attempts: int) -> Client:
    """An S3 client for this environment.

    Args:
        region: The bucket's region.
        endpoint: Another address than AWS's own, or None.
        attempts: How often a call is tried; boto3 waits up to 20 s between attempts.
    """
    # Importing boto3 takes longer than everything else the head does before Nextflow starts.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": attempts},
            # Names like BUCKET.localhost do not resolve.
            s3={"addressing_style": "path"} if endpoint else {},
        ),
    )
