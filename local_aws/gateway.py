"""The way into the local AWS: faults and its own paths first, then moto's services."""

import json
import re
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local_aws import browsers
from local_aws.error_forms import error_answer
from local_aws.errors import RequestError
from local_aws.faults import Faults
from local_aws.iam.access_control import AccessControl

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/[^/,]*/([^/,]+)/aws4_request", re.IGNORECASE)
_ANSWERED_AFTER = 0.1
"""Seconds that the answer to a request is given to get out before connections are dropped."""

Answer = tuple[str, dict[str, str], bytes]


class Gateway:
    """The WSGI application that the local AWS listens with.

    Args:
        services: moto's services.
        faults: The faults that are on.
        log: The file that takes what went wrong inside.
        access_control: Decides what callers may do; without it all may do everything.

    Attributes:
        credentials: Answers a container that asks for its job role's credentials at a path;
            set once jobs can run.
        add_image: Takes an image that `cdk deploy` published without a Docker engine; likewise.
    """

    def __init__(
        self,
        services: "WSGIApplication",
        faults: Faults,
        log: Path,
        access_control: AccessControl | None = None,
    ) -> None:
        self._services = services
        self._faults = faults
        self._access_control = access_control
        self._log = log
        self._log_lock = Lock()
        self.credentials: Callable[[str], dict[str, str] | None] = lambda _path: None
        self.add_image: Callable[[dict[str, Any]], None] = lambda _image: None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answers one request."""
        refusal = browsers.refusal(environ)
        if refusal is not None:
            return _send(_json("403 Forbidden", {"error": refusal}), environ, start_response)
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith("/_local/"):
            return _send(self._own(environ, path), environ, start_response)
        service = service_of(environ)
        fault = self._faults.answer_of(service, path)
        if fault is not None:
            return _send(fault, environ, start_response)
        try:
            refused = (
                self._access_control.refusal(service, environ) if self._access_control else None
            )
            answering = self._services if refused is None else partial(_send, refused)
            return answering(environ, start_response)
        except NotImplementedError as error:
            missing = error_answer(service, "NotImplemented", f"Not in the local AWS: {error}")
            return _send(("501 Not Implemented", *missing), environ, start_response)
        except Exception as error:
            self._record(environ)
            message = f"The local AWS failed: {type(error).__name__}: {error} (see {self._log})"
            failed = error_answer(service, "InternalFailure", message)
            return _send(("500 Internal Server Error", *failed), environ, start_response)

    def _own(self, environ: "WSGIEnvironment", path: str) -> Answer:
        if path == "/_local/health":
            return _json("200 OK", {"status": "running"})
        if path == "/_local/faults" and environ["REQUEST_METHOD"] == "POST":
            return self._switch(environ)
        if path == "/_local/images" and environ["REQUEST_METHOD"] == "POST":
            return self._note(environ)
        if path.startswith("/_local/credentials/"):
            found = self.credentials(path)
            if found is not None:
                return _json("200 OK", found)
        return _json("404 Not Found", {"error": f"nothing at {path}"})

    def _note(self, environ: "WSGIEnvironment") -> Answer:
        try:
            image = _image(_body(environ))
        except RequestError as error:
            return _json("400 Bad Request", {"error": str(error)})
        self.add_image(image)
        return _json("200 OK", {"status": "noted"})

    def _switch(self, environ: "WSGIEnvironment") -> Answer:
        try:
            then = self._faults.switch(_body(environ))
        except RequestError as error:
            return _json("400 Bad Request", {"error": str(error)})
        if then is not None:
            timer = Timer(_ANSWERED_AFTER, then)
            timer.daemon = True
            timer.start()
        return _json("200 OK", {"status": "on"})

    def _record(self, environ: "WSGIEnvironment") -> None:
        line = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO')}\n{traceback.format_exc()}\n"
        with self._log_lock, self._log.open("a") as log:
            log.write(line)


def service_of(environ: "WSGIEnvironment") -> str:
    """Returns the signing name of the service that a request is for; `s3` if it is not signed."""
    signed = environ.get("HTTP_AUTHORIZATION") or ""
    if not signed:
        query = unquote(environ.get("QUERY_STRING") or "")
        signed = query.replace("X-Amz-Credential=", "Credential=")
    found = _SCOPE.search(signed)
    return found[1].lower() if found else "s3"


def _body(environ: "WSGIEnvironment") -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length)
    return body


def _image(body: bytes) -> dict[str, Any]:
    """Reads what `docker_cli.py` notes of an image."""
    try:
        image = json.loads(body)
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    if not isinstance(image, dict):
        raise RequestError("the body must be a JSON object with name, context and entrypoint")
    for name in ("name", "context"):
        if not isinstance(image.get(name), str):
            raise RequestError(f"{name} is {image.get(name)!r}; it must be a string")
    entrypoint = image.get("entrypoint")
    if not isinstance(entrypoint, list) or not all(isinstance(word, str) for word in entrypoint):
        raise RequestError(f"entrypoint is {entrypoint!r}; it must be a list of strings")
    return image


def _json(status: str, content: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _send(
    answer: Answer, environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    status, headers, body = answer
    start_response(status, [*headers.items(), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
