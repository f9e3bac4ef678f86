"""Keeps web pages out of the local AWS, which checks no signatures and runs what it is told to.

A page of any site that a user has open may send requests to the user's own machine. A browser
says so in `Origin` or `Sec-Fetch-Site`
(https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site); SDKs and
command lines send neither. A site whose name leads to this machine (DNS rebinding) is known by
that name in `Host`.
"""

from typing import TYPE_CHECKING

from local_aws.network import GATEWAY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAMES = ("localhost", "host.docker.internal")
"""S3 clients put the bucket in front of these."""

_ADDRESSES = ("127.0.0.1", GATEWAY)


def refusal(environ: "WSGIEnvironment") -> str | None:
    """Returns why a request is not answered, or `None` if it is."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return f"the local AWS refuses requests from web pages; this one is from {origin}"
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    if site != "none":
        return f"the local AWS refuses requests from web pages (Sec-Fetch-Site is {site})"
    host = environ.get("HTTP_HOST", "").lower()
    name, _, port = host.partition(":")
    if port == environ["SERVER_PORT"] and (
        name in _ADDRESSES or f".{name}".endswith(tuple(f".{known}" for known in _NAMES))
    ):
        return None
    allowed = ", ".join([*_NAMES, *_ADDRESSES])
    return (
        f"Host is {host!r}; allowed are {allowed} and names under the first two, "
        f"with port {environ['SERVER_PORT']}"
    )


def bucket_of(environ: "WSGIEnvironment") -> str:
    """Returns the bucket that a request's host names, or an empty text."""
    name = environ.get("HTTP_HOST", "").lower().partition(":")[0]
    known = next((f".{each}" for each in _NAMES if name.endswith(f".{each}")), "")
    return name.removesuffix(known) if known else ""
