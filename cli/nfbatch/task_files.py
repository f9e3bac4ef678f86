"""The files of a task in its work directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nfbatch import record

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.s3_uri import S3Uri

#: Of a large file, its end.
_LAST_BYTES = 64 * 1024


@dataclass(frozen=True)
class TaskFiles:
    """What a task leaves.

    Attributes:
        folder: Its work directory.
        script: Its script (`.command.sh`); None if it is not there.
        errors: The end of what it wrote to standard error (`.command.err`).
        log: The end of all that it wrote (`.command.log`).
        exit: Its exit status (`.exitcode`).
    """

    folder: S3Uri
    script: str | None
    errors: str | None
    log: str | None
    exit: str | None

    @classmethod
    def read(cls, aws: Aws, folder: S3Uri) -> TaskFiles:
        """Reads them.

        Args:
            aws: The account and region.
            folder: The work directory.
        """

        def text(name: str) -> str | None:
            content = record.content(aws, folder / name, last_bytes=_LAST_BYTES)
            return None if content is None else content.decode(errors="replace").rstrip("\n")

        names = (".command.sh", ".command.err", ".command.log", ".exitcode")
        return cls(folder, *map(text, names))

    def as_json(self) -> dict[str, str | None]:
        """For `--json`."""
        return {
            "folder": str(self.folder),
            "script": self.script,
            "errors": self.errors,
            "log": self.log,
            "exit": self.exit,
        }


def folder_of_hash(aws: Aws, work: S3Uri, beginning: str) -> S3Uri | None:
    """The work directory that begins like this.

    Args:
        aws: The account and region.
        work: The work directory of the run.
        beginning: Such as `ab/cdef01`, as Nextflow shows it.
    """
    answer = aws.client("s3").list_objects_v2(
        Bucket=work.bucket, Prefix=f"{work.key}/{beginning}", MaxKeys=1
    )
    for item in answer.get("Contents", []):
        first, second = str(item["Key"]).removeprefix(f"{work.key}/").split("/")[:2]
        return work / first / second
    return None
