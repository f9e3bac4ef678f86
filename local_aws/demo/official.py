"""Whether the official Nextflow can be had here, before an image is built with it.

The addresses are those of the head's Dockerfile. Nextflow's release names its whole distribution
`nextflow-VERSION-dist`
(https://github.com/nextflow-io/nextflow/blob/v26.04.6/packing.gradle), and the registry a plugin's
archive `/v1/plugins/ID/VERSION/download/ID-VERSION.zip`
(https://github.com/nextflow-io/nextflow/blob/v26.04.6/adr/20251114-module-system.md).
"""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: After so long without a byte nothing is waited for.
SILENCE_SECONDS = 10.0
_PIECE = 1024 * 1024
_PROGRAM = b"#!"
_ARCHIVE = b"PK\x03\x04"


def arguments(dockerfile: str) -> dict[str, str]:
    """Read the arguments at the head of a Dockerfile, with the references among them resolved."""
    found: dict[str, str] = {}
    head = re.split(r"^FROM ", dockerfile, maxsplit=1, flags=re.MULTILINE)[0]
    for name, value in re.findall(r'^ARG (\w+)="?([^"\n]*)"?$', head, re.MULTILINE):
        found[name] = re.sub(r"\$\{(\w+)\}", lambda match: found[match[1]], value)
    return found


def refusal(build_arguments: Mapping[str, str]) -> str:
    """Ask each address for what the image is built from.

    Args:
        build_arguments: The Dockerfile's arguments.

    Returns:
        In one line what is wrong with the first that is; empty if all can be had.
    """
    for url, sha256, beginning in _addresses(build_arguments):
        if why := _wrong(url, sha256, beginning):
            return f"{url} {why}"
    return ""


def _addresses(build_arguments: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Each address, its checksum (empty if it is not locked), and how its content begins."""
    yield build_arguments["NEXTFLOW_RELEASE"], build_arguments["NEXTFLOW_SHA256"], _PROGRAM
    for plugin in build_arguments["NEXTFLOW_PLUGINS"].split():
        name, _, sha256 = plugin.partition("=")
        id_, _, version = name.partition("@")
        place = f"{build_arguments['NEXTFLOW_PLUGIN_REGISTRY']}/{id_}/{version}/download"
        yield f"{place}/{id_}-{version}.zip", sha256, _ARCHIVE


def _wrong(url: str, sha256: str, beginning: bytes) -> str:
    """What is wrong with an address, as the end of a sentence."""
    try:
        return _wrong_content(url, sha256, beginning)
    except urllib.error.HTTPError as error:
        error.close()
        return f"returned {error.code} {error.reason}"
    except (HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return f"sent nothing for {SILENCE_SECONDS:g} s"
        return f"failed: {reason}"


def _wrong_content(url: str, sha256: str, beginning: bytes) -> str:
    """What is wrong with what is there; it is read to its end if it has a checksum."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=SILENCE_SECONDS) as answer:  # noqa: S310
        piece = answer.read(len(beginning))
        if piece != beginning:
            page = " but a web page, perhaps from a proxy" if piece[:1] == b"<" else ""
            return f"is not the expected file{page}"
        while sha256 and piece:
            digest.update(piece)
            piece = answer.read(_PIECE)
    if sha256 and digest.hexdigest() != sha256:
        return f"has the SHA-256 {digest.hexdigest()}, expected {sha256}"
    return ""
