"""Addresses in S3."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class S3Uri:
    """An address such as `s3://bucket/folder/file`; joined with `/`.

    Attributes:
        bucket: The bucket's name.
        key: The key, without a slash at its end.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """Reads an address.

        Raises:
            ValueError: It is none.
        """
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not text.startswith("s3://") or not bucket:
            raise ValueError(f"{text!r} is not an S3 address")
        return cls(bucket, key.rstrip("/"))

    def __truediv__(self, name: str) -> S3Uri:
        return S3Uri(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"
