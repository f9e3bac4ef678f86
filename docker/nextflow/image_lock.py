"""Locks what the head's image is built from, in the block of versions in its Dockerfile.

    python image_lock.py [DOCKERFILE]

Asks the base's registry for its digest, fetches Nextflow's release and each plugin, and writes
digest and checksums into the Dockerfile; what was locked before is asked for anew. All or nothing:
if a download fails, one line names it, the Dockerfile stays, and the exit status is 2.
Needs Python only, and the internet.
"""

import hashlib
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path

#: The forms of an image for several platforms: its digest then holds for amd64 and arm64.
_INDEX = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


class LockError(Exception):
    """Something cannot be locked; the message says what and why, in one line."""


def main(arguments: list[str]) -> int:
    """Locks a Dockerfile, by default the one beside this file; returns the exit status."""
    dockerfile = Path(arguments[0]) if arguments else Path(__file__).with_name("Dockerfile")
    try:
        dockerfile.write_text(locked(dockerfile.read_text()))
    except LockError as error:
        print(f"lock-image: {error}", file=sys.stderr)
        return 2
    print(f"lock-image: {dockerfile.name} is locked; review the difference before you commit it")
    return 0


def locked(dockerfile: str) -> str:
    """The Dockerfile with a digest and checksums of today.

    Raises:
        LockError: Something cannot be downloaded.
    """
    arguments = block(dockerfile)
    base = arguments["BASE_IMAGE"].partition("@")[0]
    plugins = [plugin.partition("=")[0] for plugin in arguments["NEXTFLOW_PLUGINS"].split()]
    registry = arguments["NEXTFLOW_PLUGIN_REGISTRY"]
    checked = [f"{plugin}={_sha256(_plugin_url(registry, plugin))}" for plugin in plugins]
    values = {
        "BASE_IMAGE": f"{base}@{_digest(base)}",
        "NEXTFLOW_SHA256": _sha256(arguments["NEXTFLOW_RELEASE"]),
        "NEXTFLOW_PLUGINS": f'"{" ".join(checked)}"',
    }
    for name, value in values.items():
        dockerfile = re.sub(rf"^ARG {name}=.*$", f"ARG {name}={value}", dockerfile, flags=re.M)
    return dockerfile


def block(dockerfile: str) -> dict[str, str]:
    """The arguments at the head of a Dockerfile, with the references among them resolved."""
    found: dict[str, str] = {}
    head = re.split(r"^FROM ", dockerfile, maxsplit=1, flags=re.M)[0]
    for name, value in re.findall(r'^ARG (\w+)="?([^"\n]*)"?$', head, re.M):
        found[name] = re.sub(r"\$\{(\w+)\}", lambda match: found[match[1]], value)
    return found


def _plugin_url(registry: str, plugin: str) -> str:
    name, _, version = plugin.partition("@")
    return f"{registry}/{name}/{version}/download/{name}-{version}.zip"


def _sha256(url: str) -> str:
    """The checksum of what is at an address."""
    digest = hashlib.sha256()
    try:
        with _open(url) as response:
            while piece := response.read(1024 * 1024):
                digest.update(piece)
            missing = response.length
    except (OSError, ValueError, HTTPException) as error:
        raise LockError(f"{url} cannot be downloaded: {error}") from error
    # Python reads what comes and leaves it to us to see that something is missing.
    if missing:
        raise LockError(f"{url} cannot be downloaded: {missing} bytes are missing")
    return digest.hexdigest()


def _digest(image: str) -> str:
    """An image's digest, as its registry names it.

    https://distribution.github.io/distribution/spec/api/#existing-manifests

    Args:
        image: HOST/REPOSITORY:TAG.
    """
    host, _, path = image.partition("/")
    repository, _, tag = path.partition(":")
    # As Docker does it: a registry on this machine needs no TLS.
    scheme = "http" if re.match(r"(localhost|127\.)", host) else "https"
    url = f"{scheme}://{host}/v2/{repository}/manifests/{tag}"
    try:
        try:
            headers = _head(url, None)
        except urllib.error.HTTPError as refusal:
            if refusal.code != 401:  # noqa: PLR2004 - not authorized: registries want a token
                raise
            headers = _head(url, _token(refusal.headers))
    except (OSError, ValueError, KeyError, HTTPException) as error:
        raise LockError(f"cannot read the digest of {image}: {error}") from error
    if headers.get_content_type() not in _INDEX:
        raise LockError(f"{image} is for one platform only: name an image for amd64 and arm64")
    return str(headers["Docker-Content-Digest"])


def _head(url: str, token: str | None) -> Message:
    headers = {"Accept": ", ".join(_INDEX)}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, headers=headers, method="HEAD")  # noqa: S310
    with _open(request) as response:
        return response.headers


def _token(refusal: Message) -> str:
    """An anonymous token, from the address that the registry's refusal names.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', refusal.get("WWW-Authenticate", "")))
    query = urllib.parse.urlencode(
        {n: challenge[n] for n in ("service", "scope") if n in challenge}
    )
    with _open(f"{challenge['realm']}?{query}") as response:
        return str(json.load(response)["token"])


def _open(request: str | urllib.request.Request) -> HTTPResponse:
    try:
        # A proxy or a registry that is silent for a minute will not speak.
        response: HTTPResponse = urllib.request.urlopen(request, timeout=60)  # noqa: S310
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise
    return response


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
