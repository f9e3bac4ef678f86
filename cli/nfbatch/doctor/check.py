"""A check of a deployment: its id, what it needs, and where its remedy is explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nfbatch.doctor.cause import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nfbatch.site import Site


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check.

    Attributes:
        id: Its name.
        title: What it looks at.
        action: The permission that it needs first.
        link: Where to read more.
        run: Finds what is wrong.
    """

    id: str
    title: str
    action: str
    link: str
    run: Callable[[Site], Iterator[tuple[str, str] | Finding]]

    def findings(self, site: Site) -> list[Finding]:
        """What is wrong.

        Args:
            site: The deployment.
        """
        return [
            each if isinstance(each, Finding) else self._finding(*each) for each in self.run(site)
        ]

    def _finding(self, sentence: str, remedy: str) -> Finding:
        return Finding(id=self.id, sentence=sentence, remedy=remedy, link=self.link)

    def note(self, sentence: str, remedy: str) -> Finding:
        """Something that is worth knowing, and no problem."""
        return Finding(
            id=self.id, sentence=sentence, remedy=remedy, link=self.link, is_problem=False
        )
