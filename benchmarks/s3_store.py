"""The least of an S3 that clients can be measured against: files, and no work per byte.

moto's server takes seconds for a large object, which would hide the differences between clients.
"""

from __future__ import annotations

import http.server
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ETAG = '"00000000000000000000000000000000"'
_CHANGED = "Wed, 25 Nov 2026 00:00:00 GMT"
_BLOCK = 1 << 20


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers `/BUCKET/KEY`; the server's `folder` holds a file for each key and part."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one go, or the other side waits for the rest of a packet.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: _Server

    def _begin(self) -> None:
        url = urlsplit(self.path)
        self.query = parse_qs(url.query, keep_blank_values=True)
        self.key = unquote(url.path).partition("/")[2].partition("/")[2]
        with self.server.lock:
            self.server.calls += 1

    def _file(self, part: str = "") -> Path:
        return self.server.folder / quote(self.key + part, safe="")

    def handle_expect_100(self) -> bool:
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def do_PUT(self) -> None:
        self._begin()
        part = f"\0{int(self.query['partNumber'][0]):05}" if "partNumber" in self.query else ""
        left = int(self.headers["Content-Length"])
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            raise NotImplementedError("a body in chunks of its own")
        with self._file(part).open("wb") as file:
            while left:
                block = self.rfile.read(min(_BLOCK, left))
                file.write(block)
                left -= len(block)
        self._say(200)

    def do_POST(self) -> None:
        self._begin()
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "uploads" in self.query:
            kind, inside = "InitiateMultipartUpload", "<UploadId>1</UploadId>"
        else:
            kind, inside = "CompleteMultipartUpload", f"<ETag>{_ETAG}</ETag>"
            parts = sorted(self.server.folder.glob(self._file().name + "%00*"))
            with self._file().open("wb") as whole:
                for part in parts:
                    with part.open("rb") as file:
                        shutil.copyfileobj(file, whole, _BLOCK)
                    part.unlink()
        self._say(200, f"<{kind}Result><Bucket>b</Bucket>{inside}</{kind}Result>".encode())

    def do_HEAD(self) -> None:
        self._begin()
        self._headers(200, self._file().stat().st_size)

    def do_GET(self) -> None:
        self._begin()
        if "list-type" in self.query:
            self._say(200, self._listing())
            return
        size = self._file().stat().st_size
        first, last = 0, size - 1
        if asked := self.headers.get("Range"):
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or size), size - 1)
        self._headers(206 if asked else 200, last - first + 1, f"bytes {first}-{last}/{size}")
        self.wfile.flush()
        with self._file().open("rb") as file:
            self.connection.sendfile(file, first, last - first + 1)

    def _listing(self) -> bytes:
        prefix = self.query["prefix"][0]
        keys = sorted(unquote(file.name) for file in self.server.folder.iterdir())
        kept = [key for key in keys if key.startswith(prefix)]
        entries = "".join(
            f"<Contents><Key>{quote(key)}</Key><LastModified>2026-11-25T00:00:00Z</LastModified>"
            f"<ETag>{_ETAG}</ETag><Size>1024</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in kept
        )
        return (
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
            f"{entries}</ListBucketResult>"
        ).encode()

    def _headers(self, status: int, length: int, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", _ETAG)
        self.send_header("Last-Modified", _CHANGED)
        if status == http.HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def _say(self, status: int, body: bytes = b"") -> None:
        self._headers(status, len(body))
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.lock = threading.Lock()
        self.calls = 0

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that hangs up in the middle of a large object, as ours does."""


class Store:
    """A running store.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}"

    def calls(self) -> int:
        """Return how many calls there were since the last time."""
        with self._server.lock:
            calls, self._server.calls = self._server.calls, 0
        return calls


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """Run one whose objects are files in a folder."""
    server = _Server(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Store(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
