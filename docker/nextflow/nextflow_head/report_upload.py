"""The upload of logs and reports to S3, while they grow."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from nextflow_head.aws import Client
from nextflow_head.s3_uri import S3Uri

#: Seconds between two uploads of what has changed, and once the run is being stopped: Batch grants
#: 30 s until it kills, so little may be lost in between.
INTERVAL, HURRY = 30.0, 3.0


class ReportUpload:
    """A folder whose files are uploaded whenever they have changed.

    One thread uploads, so a slow or absent S3 never delays Nextflow. A failed upload is printed and
    repeated; it never ends a run. Leaving the context uploads a last time.

    Args:
        folder: The folder.
        destination: Where its files go.
        connect: Makes the S3 client, in the thread that uploads.
        refresh: Brings the folder up to date before each upload.
        say: Prints a line for the user.
        interval: Seconds between two uploads.
    """

    def __init__(
        self,
        folder: Path,
        destination: S3Uri,
        *,
        connect: Callable[[], Client],
        refresh: Callable[[], None],
        say: Callable[[str], None],
        interval: float = INTERVAL,
    ) -> None:
        self._folder = folder
        self._destination = destination
        self._connect = connect
        self._refresh = refresh
        self._say = say
        self._interval = interval
        self._uploaded: dict[Path, tuple[int, int]] = {}
        self._complaint = ""
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._keep, name="report-upload", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        self._wake.set()
        self._thread.join()

    @property
    def complete(self) -> bool:
        """Whether the last upload left nothing out."""
        return not self._complaint

    def hurry(self) -> None:
        """Uploads at once, and often from now on: the end may come at any moment."""
        self._interval = min(self._interval, HURRY)
        self._wake.set()

    def _keep(self) -> None:
        s3: Client | None = None
        while True:
            self._wake.wait(self._interval)
            self._wake.clear()
            last = self._ended
            try:
                self._refresh()
                s3 = s3 or self._connect()
                self._upload(s3)
                self._complaint = ""
            except Exception as error:  # whatever it was, the run goes on
                self._complain(error)
            if last:
                return

    def _upload(self, s3: Client) -> None:
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - see Aws.client

        for path in sorted(path for path in self._folder.rglob("*") if path.is_file()):
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
            if self._uploaded.get(path) == state:
                continue
            target = self._destination / path.relative_to(self._folder).as_posix()
            # upload_file() reads as many bytes as the file had at first: these files grow.
            s3.upload_file(
                str(path),
                target.bucket,
                target.key,
                ExtraArgs={"ContentType": _content_type(path)},
                Config=TransferConfig(use_threads=False),
            )
            self._uploaded[path] = state

    def _complain(self, error: Exception) -> None:
        complaint = " ".join(str(error).split())
        if complaint != self._complaint:
            self._say(f"logs and reports could not be uploaded to {self._destination}: {complaint}")
            self._complaint = complaint


def _content_type(path: Path) -> str:
    # So that a browser shows them instead of saving them.
    guessed, _ = mimetypes.guess_type(path.name)
    shown = guessed in {"text/html", "application/json"}
    return guessed if guessed and shown else "text/plain; charset=utf-8"
