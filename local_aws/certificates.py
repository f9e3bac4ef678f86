"""The certificate authorities that this machine trusts beyond the usual ones.

Behind a proxy that inspects TLS such a one signs everything, and an image built here that does not
know it can fetch nothing.
"""

import hashlib
import os
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

import botocore

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat, Amazon Linux
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
# What Debian's package brings; without it, botocore's copy of Mozilla's list says what is usual.
_SHIPPED = Path("/usr/share/ca-certificates")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def extra() -> list[str]:
    """This machine's own certificates, as PEM; usually none."""
    named = os.environ.get("SSL_CERT_FILE")
    candidates = [Path(path) for path in ([named] if named else _BUNDLES)]
    bundle = next((path for path in candidates if path.is_file()), None)
    if bundle is None:
        return []
    shipped = list(_SHIPPED.rglob("*.crt"))
    return beyond(bundle, shipped or [Path(botocore.__file__).with_name("cacert.pem")])


def beyond(bundle: Path, usual: Iterable[Path]) -> list[str]:
    """The certificates of a bundle that other files do not hold.

    Args:
        bundle: A file of PEM certificates.
        usual: Files of PEM certificates, too.
    """
    known = {_digest(pem) for path in usual for pem in _certificates(path)}
    return sorted(pem for pem in set(_certificates(bundle)) if _digest(pem) not in known)


def _certificates(path: Path) -> list[str]:
    """The certificates in a file; some lists carry comments in other encodings."""
    return _PEM.findall(path.read_text(errors="replace"))


def _digest(pem: str) -> bytes:
    """A certificate's identity, however its text is wrapped."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
