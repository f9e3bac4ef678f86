"""An S3 on moto that remembers what it was asked and fails on purpose, for the tasks' S3 client."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from moto.s3.models import S3Backend, s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Answer = Iterable[bytes]
    Fault = Callable[["Call", Callable[[], Answer], Callable[..., Any]], Answer | None]

BUCKET = "bucket"
ACCOUNT = "123456789012"
_OPERATIONS = {
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "list-type"): "ListObjectsV2",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
_PLAIN = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        operation: The API's name of it.
        path: Its path, quoted.
        headers: Its headers, in lower case.
    """

    operation: str
    path: str
    headers: dict[str, str]


@dataclass
class S3Server:
    """A running server.

    Attributes:
        url: Where it listens.
        calls: What it was asked.
        faults: Each is asked about each request until it is taken out; what answers first counts.
    """

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def reset(self) -> None:
        """Leave one empty bucket and no faults."""
        self.empty()
        self._moto.create_bucket(BUCKET, "us-west-2")
        self.faults.clear()
        self.calls.clear()

    def empty(self) -> None:
        """Leave no bucket."""
        self._moto.reset()

    def put(
        self,
        key: str,
        content: bytes,
        *,
        storage: str | None = None,
        encoding: str = "",
        age: float = 0,
    ) -> None:
        """Put an object there without asking over the network."""
        stored = self._moto.put_object(BUCKET, key, content, storage=storage)
        stored.last_modified -= timedelta(seconds=age)
        if encoding:
            stored.set_metadata({"Content-Encoding": encoding})

    def content(self, key: str) -> bytes:
        """Return an object's content."""
        return bytes(self._moto.buckets[BUCKET].keys[key].value)

    def changed(self, key: str) -> datetime:
        """Return when an object was written."""
        changed: datetime = self._moto.buckets[BUCKET].keys[key].last_modified
        return changed.replace(tzinfo=UTC)

    def objects(self) -> dict[str, object]:
        """Return what is in the bucket: content and everything that was said about it."""
        found: dict[str, object] = {}
        for key in list(self._moto.buckets[BUCKET].keys):
            stored = self._moto.get_object(BUCKET, key)
            assert stored is not None
            details = {
                "etag": stored.etag,
                "metadata": {
                    name: value
                    for name, value in stored.metadata.items()
                    if not name.startswith(("x-amz-", "content-md5"))
                },
                "class": stored.storage_class,
                "encryption": stored.encryption,
                "key": stored.kms_key_id,
            }
            found[key] = (stored.value, details)
        return found

    def pending(self) -> int:
        """Return how many uploads in parts have not been ended."""
        return len(self._moto.buckets[BUCKET].multiparts)

    @property
    def _moto(self) -> S3Backend:
        return s3_backends[ACCOUNT]["aws"]

    def asked(self) -> Counter[str]:
        """Return how often each operation was asked for."""
        return Counter(call.operation for call in self.calls)


def operation(method: str, path: str, query: str) -> str:
    """Return the API's name of a request."""
    asked = parse_qs(query, keep_blank_values=True)
    for (verb, name), known in _OPERATIONS.items():
        if verb == method and name in asked:
            return known
    if method == "HEAD" and "/" not in path.strip("/"):
        return "HeadBucket"
    return _PLAIN.get(method, method)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


@contextmanager
def s3_server(**ssl: Any) -> Iterator[S3Server]:
    """Run one on loopback."""
    served = S3Server()
    moto = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Any, start: Callable[..., Any]) -> Answer:
        path = quote(environ["PATH_INFO"].encode("latin-1"))
        name = operation(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"])
        headers = {
            key[5:].replace("_", "-").lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        call = Call(name, path, headers)
        served.calls.append(call)
        for fault in list(served.faults):
            faulty = fault(call, lambda: moto(environ, start), start)
            if faulty is not None:
                # A connection that is closed with a body unread is reset, and the answer lost.
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                return faulty
        answered: Answer = moto(environ, start)
        return answered

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Quiet, **ssl)
    served.url = f"{'https' if ssl else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
    served.empty()  # What is in moto stays for all tests of this process.


def unavailable(operation: str, times: int) -> Fault:
    """Answer 503 that many times."""
    left = [times]

    def fault(call: Call, _: Any, start: Callable[..., Any]) -> Answer | None:
        if call.operation != operation or left[0] <= 0:
            return None
        left[0] -= 1
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        start(
            "503 Slow Down",
            [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))],
        )
        return [body]

    return fault


def truncated(times: int) -> Fault:
    """Send half of an object and hang up, that many times."""
    left = [times]

    def fault(call: Call, proceed: Callable[[], Answer], _: Any) -> Answer | None:
        if call.operation != "GetObject" or left[0] <= 0:
            return None
        left[0] -= 1
        whole = b"".join(proceed())
        return [whole[: len(whole) // 2]]

    return fault


def moved(region: str) -> Fault:
    """Answer as S3 does for a bucket in another region, unless that one was asked for."""

    def fault(call: Call, _: Any, start: Callable[..., Any]) -> Answer | None:
        if f"/{region}/s3/" in call.headers.get("authorization", ""):
            return None
        body = f"<Error><Code>PermanentRedirect</Code><Message>m</Message><Bucket>{BUCKET}</Bucket></Error>"
        headers = [("x-amz-bucket-region", region), ("Content-Type", "application/xml")]
        start("301 Moved Permanently", [*headers, ("Content-Length", str(len(body)))])
        return [b"" if call.operation.startswith("Head") else body.encode()]

    return fault
