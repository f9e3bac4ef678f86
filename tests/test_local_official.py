"""What the official Nextflow is fetched from is asked first, and each wrong answer has its line."""

from __future__ import annotations

import hashlib
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from local_aws.demo import capabilities, official

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = "/releases/download/v1.2.3/nextflow-1.2.3-dist"
PLUGIN = "/api/v1/plugins/nf-amazon/4.5.6/download/nf-amazon-4.5.6.zip"
PROGRAM = b"#!/usr/bin/env bash\necho nextflow\n"
ARCHIVE = b"PK\x03\x04 and so on"
PAGE = b"<html>Please accept our terms of use</html>"


class Mirror:
    """A mirror on loopback.

    Attributes:
        files: What it has, by path.
        silent: Paths that it never answers.
    """

    def __init__(self) -> None:
        self.files = {RELEASE: PROGRAM, PLUGIN: ARCHIVE}
        self.silent: set[str] = set()
        self.end = Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path in mirror.silent:
                    mirror.end.wait()
                body = mirror.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Nothing: the test's output is not the server's."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def arguments(self, *, locked: bool) -> dict[str, str]:
        """The Dockerfile's arguments that lead here."""
        sums = [hashlib.sha256(content).hexdigest() for content in (PROGRAM, ARCHIVE)]
        return {
            "NEXTFLOW_RELEASE": self.url + RELEASE,
            "NEXTFLOW_SHA256": sums[0] if locked else "",
            "NEXTFLOW_PLUGINS": "nf-amazon@4.5.6" + (f"={sums[1]}" if locked else ""),
            "NEXTFLOW_PLUGIN_REGISTRY": f"{self.url}/api/v1/plugins",
        }


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(official, "SILENCE_SECONDS", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Mirror()
    Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.end.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("locked", [False, True], ids=["not locked", "locked"])
def test_nothing_is_wrong_with_a_mirror_that_has_it_all(mirror: Mirror, locked: bool) -> None:
    assert official.refusal(mirror.arguments(locked=locked)) == ""


@pytest.mark.parametrize("path", [RELEASE, PLUGIN])
def test_what_is_missing_is_named(mirror: Mirror, path: str) -> None:
    del mirror.files[path]
    found = official.refusal(mirror.arguments(locked=False))
    assert found == f"{mirror.url}{path} returned 404 Not Found"


@pytest.mark.parametrize("path", [RELEASE, PLUGIN])
def test_a_page_of_a_proxy_is_not_taken_for_it(mirror: Mirror, path: str) -> None:
    mirror.files[path] = PAGE
    found = official.refusal(mirror.arguments(locked=False))
    assert (
        found == f"{mirror.url}{path} is not the expected file but a web page, perhaps from a proxy"
    )


@pytest.mark.parametrize(("path", "content"), [(RELEASE, PROGRAM), (PLUGIN, ARCHIVE)])
def test_another_checksum_than_the_locked_one_is_named(
    mirror: Mirror, path: str, content: bytes
) -> None:
    mirror.files[path] = content + b"more"
    found = official.refusal(mirror.arguments(locked=True))
    other, locked = (hashlib.sha256(text).hexdigest() for text in (content + b"more", content))
    assert found == f"{mirror.url}{path} has the SHA-256 {other}, expected {locked}"


@pytest.mark.parametrize("path", [RELEASE, PLUGIN])
def test_one_that_is_silent_is_given_up(mirror: Mirror, path: str) -> None:
    mirror.silent.add(path)
    found = official.refusal(mirror.arguments(locked=False))
    assert found == f"{mirror.url}{path} sent nothing for 0.3 s"


def test_one_that_is_not_there_is_named(mirror: Mirror) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/x"
        found = official.refusal({**mirror.arguments(locked=False), "NEXTFLOW_RELEASE": url})
    assert found == f"{url} failed: [Errno 111] Connection refused"


def test_the_addresses_are_the_dockerfiles() -> None:
    build_arguments = official.arguments(Path(capabilities._DOCKERFILE).read_text())
    (release, *plugins) = [url for url, *_ in official._addresses(build_arguments)]
    version = build_arguments["NEXTFLOW_VERSION"]
    assert release.endswith(f"/download/v{version}/nextflow-{version}-dist")
    assert len(plugins) == len(build_arguments["NEXTFLOW_PLUGINS"].split())
    assert all(
        url.startswith(f"{build_arguments['NEXTFLOW_PLUGIN_REGISTRY']}/nf-") for url in plugins
    )
