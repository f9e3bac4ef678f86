"""Text files in S3, in UTF-8 or with a byte order mark."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextflow_head.aws import Client, aws_errors
from nextflow_head.input_error import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from nextflow_head.s3_uri import S3Uri

#: Bytes; the head and Nextflow hold such a file in memory.
LIMIT = 64 * 2**20
# Excel and PowerShell write these marks. The longer ones first: UTF-32's begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Text:
    """A text.

    Attributes:
        content: Without a byte order mark.
        changed: When its object was written.
    """

    content: str
    changed: datetime


def read(source: S3Uri, setting: str, name: str, s3: Client) -> Text:
    """Reads a text file.

    Args:
        source: Its address.
        setting: Who names it: "-params-file s3://…".
        name: What it is: "the params file s3://…".
        s3: The client.

    Raises:
        InputError: It does not exist, or is not text.
    """
    with aws_errors(f"{setting} cannot be read", str(source)):
        answer = s3.get_object(Bucket=source.bucket, Key=source.key)
        if answer["ContentLength"] > LIMIT:
            raise InputError(f"{setting} is not allowed: it is larger than {LIMIT // 2**20} MiB")
        raw = answer["Body"].read()
    try:
        return Text(_decoded(raw), answer["LastModified"])
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise InputError(
            f"{name} is not UTF-8: byte 0x{byte:02X} in line {line}; save it as UTF-8"
        ) from None


def _decoded(raw: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return raw.removeprefix(mark).decode(encoding)
    return raw.decode("utf-8")
