"""The sockets on which the local AWS listens."""

import socket
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_BACKLOG = 256
_CHUNK = 1 << 20
_WITHOUT_BODY = ("204", "304")


class _RequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers the requests of one connection, without a line on the terminal for each."""

    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        """Leaves the "100 Continue" to `run_wsgi`: `http.server` would send it to any refusal."""
        return True

    def run_wsgi(self) -> None:
        """Answers one request and leaves the connection open for the next.

        werkzeug's own closes it, which costs each call of an SDK a connection and a thread.
        """
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = LimitedStream(
                self.rfile, int(self.headers["Content-Length"] or 0)
            )
            environ["wsgi.input_terminated"] = True
        sent = environ["wsgi.input"]
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        body = b"".join(parts)
        # What the answer did not depend on is not the next request.
        while sent.read(_CHUNK):
            pass
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if "Content-Length" not in headers and code not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing."""


class _Server(ThreadedWSGIServer):
    """A threaded HTTP server that can drop its connections."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, bound: socket.socket, app: "WSGIApplication") -> None:
        super().__init__(
            address, bound.getsockname()[1], app, handler=_RequestHandler, fd=bound.fileno()
        )
        self._open: set[socket.socket] = set()
        self._open_lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection while it is open."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Ends every open connection, in the middle of whatever it carries."""
        with self._open_lock:
            dropped = list(self._open)
        for connection in dropped:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of connections that broke."""


class Listener:
    """Listens on one address and answers with a WSGI application.

    Args:
        address: An IPv4 address of this machine.
        port: The port; 0 for a free one.
        app: Answers the requests.

    Raises:
        OSError: If the address cannot be had.

    Attributes:
        address: The address.
        port: The port, once it listens.
    """

    def __init__(self, address: str, port: int, app: "WSGIApplication") -> None:
        self.address = address
        self.port = port
        self._app = app
        self._server: _Server | None = None
        self._thread: Thread | None = None
        self.open()

    def open(self) -> None:
        """Starts to listen, on the same port as before if it did so before.

        Raises:
            OSError: If the address cannot be had.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.address, self.port))
            bound.listen(_BACKLOG)
            self.port = bound.getsockname()[1]
            self._server = _Server(self.address, bound, self._app)
        self._thread = Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"local-aws-{self.address}:{self.port}",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stops to listen and drops every connection; further ones are refused."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = self._thread = None
        server.shutdown()
        server.server_close()
        server.drop_connections()
        thread.join()
