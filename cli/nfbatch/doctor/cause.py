"""Causes: why a job does not start or has ended, and the command that mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Words(dict[str, Any]):
    """What a sentence is filled with; what is unknown stays a question mark."""

    def __missing__(self, _: str) -> str:
        return "?"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        id: Of the check or cause.
        sentence: What is wrong.
        remedy: What mends it, a command where one can.
        link: Where to read more.
        is_problem: Whether something has to be done; otherwise it is only worth knowing.
    """

    id: str
    sentence: str
    remedy: str
    link: str
    is_problem: bool = True

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "id": self.id,
            "problem": self.is_problem,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "link": self.link,
        }


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A cause that is recognised by what AWS writes, or by the state of something.

    Attributes:
        id: Its name.
        sentence: What is wrong, with `{names}` of what the evidence fills in.
        remedy: Likewise, what mends it.
        link: Where to read more.
        pattern: A regular expression for AWS's text; its groups fill in names. None if the cause is
            recognised by a state.
        example: AWS's text.
        source: Who documents or reports the text. Empty if nobody is known to: then the pattern is
            an assumption from the documented error code.
        is_problem: Whether something has to be done.
    """

    id: str
    sentence: str
    remedy: str
    link: str
    pattern: str | None = None
    example: str = ""
    source: str = ""
    is_problem: bool = True

    def finding(self, known: Mapping[str, Any]) -> Finding:
        """The cause in words.

        Args:
            known: Values of the names in sentence and remedy.
        """
        words = _Words(known)
        return Finding(
            id=self.id,
            sentence=self.sentence.format_map(words),
            remedy=self.remedy.format_map(words),
            link=self.link,
            is_problem=self.is_problem,
        )

    def matches(self, text: str) -> dict[str, str] | None:
        """The names that a text of AWS fills in; None if it is about something else."""
        found = re.search(self.pattern, text, re.IGNORECASE) if self.pattern else None
        return None if found is None else {k: v for k, v in found.groupdict().items() if v}


def recognise(
    causes: Iterable[Cause], text: str | None, known: Mapping[str, Any]
) -> Finding | None:
    """The first cause that a text of AWS tells.

    Args:
        causes: Those to look for, the most particular one first.
        text: The text.
        known: Values of names, such as `queue`.
    """
    for cause in causes if text else ():
        found = cause.matches(text or "")
        if found is not None:
            return cause.finding({**known, **found, "text": " ".join((text or "").split())})
    return None
