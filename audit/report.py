"""The audit of some deployments: what is found, and what of it nobody has acknowledged."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit import declared, linters, packs
from audit.finding import Acknowledgement, Finding, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stacks.settings import Settings


class Audit(NamedTuple):
    """What was found in one deployment.

    Attributes:
        findings: All that the rules find.
        acknowledgements: What the code says about it.
    """

    findings: list[Finding]
    acknowledgements: list[Acknowledgement]

    @property
    def open(self) -> list[Finding]:
        """The findings that nothing acknowledges."""
        return [
            finding
            for finding in self.findings
            if not any(each.covers(finding) for each in self.acknowledgements)
        ]

    def counts(self, name: str) -> tuple[int, int]:
        """How many findings a pack has, and how many of them are open."""
        found = Counter(finding.pack for finding in self.findings)
        left = Counter(finding.pack for finding in self.open)
        return found[name], left[name]


def audit(settings: Settings, *, linted: bool = True) -> Audit:
    """Audit one deployment.

    Args:
        settings: Its settings.
        linted: Whether checkov and cfn-lint read its templates too; checkov must be installed.

    Raises:
        LinterError: One of these failed.
    """
    app, acknowledgements = declared.read(settings)
    found = packs.findings(app)
    if linted:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            constructs = linters.write(app, folder)
            found += linters.checkov(folder, constructs)
            found += linters.cfn_lint(folder, constructs, settings.region)
    return Audit(found, acknowledgements)


def dead(audits: Iterable[Audit]) -> list[Acknowledgement]:
    """The acknowledgements that no finding of any deployment needs.

    A reason that is given for all standards needs a finding of one of them.
    """
    used: set[tuple[str, str]] = set()
    written: dict[tuple[str, str], Acknowledgement] = {}
    for each in audits:
        for acknowledgement in each.acknowledgements:
            key = acknowledgement.path, short(acknowledgement.rule)
            written[key] = acknowledgement
            if any(acknowledgement.covers(finding) for finding in each.findings):
                used.add(key)
    return [acknowledgement for key, acknowledgement in written.items() if key not in used]


def table(audits: Mapping[str, Audit]) -> str:
    """Findings and, in brackets, open ones, by deployment and pack."""
    names = (*packs.NAMES, *linters.NAMES)
    width = max(map(len, audits)) + 2
    rows = [f"{'':{width}}" + "".join(f"{name:>16}" for name in names)]
    for deployment, each in audits.items():
        cells = [f"{found} ({left})" for found, left in map(each.counts, names)]
        rows.append(f"{deployment:{width}}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(rows)
