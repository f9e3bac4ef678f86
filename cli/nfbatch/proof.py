"""Something that a smoke run shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Proof:
    """Something that a smoke run shows.

    Attributes:
        what: What is shown.
        is_proved: Whether it was shown.
        evidence: By what, or why not.
    """

    what: str
    is_proved: bool
    evidence: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"what": self.what, "proved": self.is_proved, "evidence": self.evidence}
