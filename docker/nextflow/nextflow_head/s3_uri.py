"""Addresses in S3."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class S3Uri:
    """A bucket and a key, or a key's beginning.

    Attributes:
        bucket: The bucket's name.
        key: The key, which may hold any character, or the prefix that stands for a folder; never
            with a slash at its end.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """Reads `s3://BUCKET/KEY`.

        Raises:
            ValueError: It is not of that form, or has a character that no file name can have.
        """
        match = re.fullmatch(
            r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<key>.*))?", text, re.DOTALL
        )
        if match is None or "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValueError(text)
        return cls(match["bucket"], (match["key"] or "").rstrip("/"))

    @staticmethod
    def is_meant(text: str) -> bool:
        """Whether the author means an address in S3, well formed or not."""
        return text[:3].lower() == "s3:"

    def __truediv__(self, name: str) -> S3Uri:
        return S3Uri(self.bucket, f"{self.key}/{name}" if self.key else name)

    @property
    def parent(self) -> S3Uri:
        """The folder that it is in."""
        return S3Uri(self.bucket, self.key.rpartition("/")[0])

    @property
    def name(self) -> str:
        """The last step of the key."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")
