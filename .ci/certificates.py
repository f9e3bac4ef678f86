"""Copies this machine's own certificates, such as a proxy's, into a folder."""

import sys
from pathlib import Path

from local_aws import certificates

for number, pem in enumerate(certificates.extra()):
    Path(sys.argv[1], f"extra-{number}.crt").write_text(pem)
