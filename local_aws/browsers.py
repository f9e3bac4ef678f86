"""Keeps web pages out of the local AWS, which checks no signatures and runs what it is told to.

A page of any site that a user has open may send requests to the user's own machine. A browser
says so in `Origin` or `Sec-Fetch-Site`
(https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site); SDKs and
command lines send neither. Where a browser sends neither, as Safari does for an image that is not
from HTTPS, it still says in `User-Agent` what it is: no page may change that without a preflight
request, which has an `Origin`. A site whose name leads to this machine (DNS rebinding) is known by
that name in `Host`. The address in the Docker network is only for containers.
"""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from local_aws.network import GATEWAY, SUBNET

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def refusal(environ: "WSGIEnvironment") -> str | None:
    """Returns why a request is not answered, or `None` if it is."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return f"the local AWS refuses requests from web pages; this one is from {origin}"
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site not in (None, "none"):
        return f"the local AWS refuses requests from web pages (Sec-Fetch-Site is {site})"
    agent = environ.get("HTTP_USER_AGENT", "")
    if site is None and agent.startswith("Mozilla/"):
        return f"the local AWS refuses requests from web pages (User-Agent is {agent!r:.80})"
    host = environ.get("HTTP_HOST", "").lower()
    name, _, port = host.partition(":")
    # S3 clients put the bucket in front of `localhost`.
    is_ours = name == "127.0.0.1" or f".{name}".endswith(".localhost")
    is_containers = name == GATEWAY and _from_container(environ.get("REMOTE_ADDR", ""))
    if port == environ["SERVER_PORT"] and (is_ours or is_containers):
        return None
    return (
        f"Host is {host!r}; allowed are localhost, names under it, 127.0.0.1 and, for containers, "
        f"{GATEWAY}, with port {environ['SERVER_PORT']}"
    )


def bucket_of(environ: "WSGIEnvironment") -> str:
    """Returns the bucket that a request's host names, or an empty text."""
    name, _, ours = environ.get("HTTP_HOST", "").lower().partition(":")[0].rpartition(".")
    return name if ours == "localhost" else ""


def _from_container(address: str) -> bool:
    """Whether a request is from a job's container; this machine's own come from the gateway."""
    return address != GATEWAY and ip_address(address) in SUBNET
