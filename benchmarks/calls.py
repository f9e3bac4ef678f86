"""What jobs ask of the local AWS."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from local_aws import gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

_S3_OF_BUCKET = {"GET": "ListObjects", "PUT": "CreateBucket", "HEAD": "HeadBucket"}


class Calls:
    """Counts what jobs ask of the local AWS; what a benchmark asks has other keys.

    Attributes:
        made: When each call was made, on the monotonic clock, by service and operation.
    """

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], list[float]] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts from now on."""
        answer = gateway.Gateway.__call__

        def counting(this: Any, environ: Any, start: Any) -> Any:
            signed = environ.get("HTTP_AUTHORIZATION", "")
            if signed and "Credential=testing/" not in signed and "Credential=local/" not in signed:
                service = gateway.service_of(environ)
                call = service, _operation(service, environ)
                self.made.setdefault(call, []).append(time.monotonic())
            return answer(this, environ, start)

        gateway.Gateway.__call__ = counting  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            gateway.Gateway.__call__ = answer  # type: ignore[method-assign]

    def reset(self) -> None:
        """Begins anew."""
        self.made = {}

    def count(self, service: str | None = None) -> int:
        """How many calls there were, of one service or of all."""
        return sum(len(times) for (of, _), times in self.made.items() if service in (None, of))


def _operation(service: str, environ: Any) -> str:
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if service != "s3":
        return str(environ.get("HTTP_X_AMZ_TARGET", path)).rpartition("/")[2].rpartition(".")[2]
    asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if "/" not in path.strip("/"):
        return "DeleteObjects" if "delete" in asked else _S3_OF_BUCKET.get(method, method)
    if "uploads" in asked or "uploadId" in asked:
        return f"{method.capitalize()}MultipartUpload"
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    return f"{method.capitalize()}Object"
