"""`nfbatch logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nfbatch import output
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from nfbatch.run import Run


def conclude(ended: Run) -> None:
    """Says how a run ended.

    Raises:
        NfbatchError: It failed.
    """
    took = output.duration(ended.milliseconds)
    if ended.state == "SUCCEEDED":
        output.say(f"{ended.name} succeeded after {took}")
        return
    reason = f": {ended.reason}" if ended.reason else ""
    raise NfbatchError(Kind.RUN_FAILED, f"{ended.name} ended as {ended.state}{reason}")
