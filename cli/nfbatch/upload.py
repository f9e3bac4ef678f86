"""What a launch puts into S3, and takes away again if it is cancelled."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Self

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from nfbatch.aws import Aws
    from nfbatch.project_folder import ProjectFolder
    from nfbatch.s3_uri import S3Uri

#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_DELETED_AT_ONCE = 1000


class Uploads:
    """The files of one launch: planned first, uploaded together, deleted if the launch fails.

    Args:
        folder: Where they go; no other launch has it.
    """

    def __init__(self, folder: S3Uri) -> None:
        self.folder = folder
        self._planned: dict[str, tuple[S3Uri, Path | ProjectFolder | bytes]] = {}
        self._kept = False
        self._aws: Aws | None = None
        self._done: list[S3Uri] = []

    def plan(self, name: str, source: Path | ProjectFolder | bytes) -> S3Uri:
        """Plans an upload, and says where it will be.

        Args:
            name: What it is called there.
            source: A file, a project, which is uploaded as an archive, or content.
        """
        key = name if isinstance(source, bytes) else str(getattr(source, "path", source))
        if key not in self._planned:
            # Two files may have the same name.
            self._planned[key] = (self.folder / str(len(self._planned) + 1) / name, source)
        return self._planned[key][0]

    @property
    def planned(self) -> list[S3Uri]:
        """Where everything will be."""
        return [target for target, _ in self._planned.values()]

    def upload(self, aws: Aws, say: Callable[[str], None]) -> None:
        """Uploads everything.

        Args:
            aws: The account and region.
            say: Prints a line for the user.

        Raises:
            NfbatchError: A file cannot be read.
        """
        from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415 - boto3 is slow to import

        self._aws = aws
        for target, source in self._planned.values():
            self._done.append(target)
            try:
                say(f"uploading {target}")
                self._put(aws, target, source)
            except S3UploadFailedError as error:
                raise error.__context__ or error from None
            except OSError as error:
                where = error.filename or target
                raise NfbatchError(
                    Kind.BAD_INPUT, f"{where} cannot be uploaded: {error.strerror}"
                ) from None

    @staticmethod
    def _put(aws: Aws, target: S3Uri, source: Path | ProjectFolder | bytes) -> None:
        s3 = aws.client("s3")
        if isinstance(source, bytes):
            s3.put_object(Bucket=target.bucket, Key=target.key, Body=source)
        elif hasattr(source, "pack"):
            with tempfile.TemporaryFile() as archive:
                source.pack(archive)
                archive.seek(0)
                s3.upload_fileobj(archive, target.bucket, target.key)
        else:
            s3.upload_file(str(source), target.bucket, target.key)

    def keep(self) -> None:
        """Leaves everything where it is: a run needs it."""
        self._kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, trace: TracebackType | None
    ) -> None:
        if self._kept or self._aws is None or not self._done:
            return
        s3 = self._aws.client("s3")
        for start in range(0, len(self._done), _DELETED_AT_ONCE):
            keys = [{"Key": uri.key} for uri in self._done[start : start + _DELETED_AT_ONCE]]
            answer = s3.delete_objects(Bucket=self.folder.bucket, Delete={"Objects": keys})
            if answer.get("Errors"):
                code = answer["Errors"][0].get("Code")
                raise NfbatchError(
                    Kind.NO_PERMISSION,
                    f"the launch was cancelled, but {self.folder} could not be deleted ({code}):"
                    " delete it",
                )
