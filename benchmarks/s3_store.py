"""The least of an S3 that clients can be measured against: `s3_server/main.go` on loopback.

moto's server takes seconds for a large object, which would hide the differences between clients.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Store:
    """A running store.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"https://127.0.0.1:{self._line()}"

    def calls(self) -> int:
        """Return how many calls there were since the last time."""
        if self._process.stdin is None:
            raise RuntimeError("there are no pipes")
        print(file=self._process.stdin, flush=True)
        return int(self._line())

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout else ""


@contextmanager
def store(program: str, folder: Path, certificate: Path) -> Iterator[Store]:
    """Run one whose objects are files in a folder.

    The certificate's key is beside it, with the suffix `.key`.
    """
    running = Store([program, str(folder), str(certificate), str(certificate.with_suffix(".key"))])
    try:
        yield running
    finally:
        running.stop()
