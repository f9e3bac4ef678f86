"""The audit of some deployments: what is found, and what of it nobody has acknowledged."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit import declared, linters, packs
from audit.finding import Acknowledgement, Finding, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stacks.settings import Settings


_OF_A_LINTER = re.compile(r"CKV_|[EW]\d")


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

    @property
    def problems(self) -> list[str]:
        """A line for each open finding; that of several standards is one."""
        packs: dict[tuple[str, str, str], list[str]] = {}
        for finding in self.open:
            key = short(finding.rule), finding.path, finding.asked
            packs.setdefault(key, []).append(finding.pack)
        return [
            f"{rule} ({', '.join(names)}) at {path}: {asked}: change the resource, or acknowledge"
            " the rule next to it, with the reason"
            for (rule, path, asked), names in packs.items()
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
    app, written = declared.read(settings)
    found = packs.findings(app)
    if linted:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            constructs = linters.write(app, folder)
            found += linters.checkov(folder, constructs)
            found += linters.cfn_lint(folder, constructs, settings.region)
    # The same resource has the same path in each deployment.
    name = f"nextflow-{settings.deployment}-"
    return Audit(
        [replace(each, path=each.path.removeprefix(name)) for each in found],
        [replace(each, path=each.path.removeprefix(name)) for each in written],
    )


def dead(audits: Iterable[Audit], *, linted: bool = True) -> list[Acknowledgement]:
    """The acknowledgements that no finding of any deployment needs.

    A reason that is given for all standards needs a finding of one of them.

    Args:
        audits: The audits of all deployments.
        linted: Whether checkov and cfn-lint were among the auditors.
    """
    used: set[tuple[str, str]] = set()
    written: dict[tuple[str, str], Acknowledgement] = {}
    for each in audits:
        for acknowledgement in each.acknowledgements:
            key = acknowledgement.path, short(acknowledgement.rule)
            written[key] = acknowledgement
            if any(acknowledgement.covers(finding) for finding in each.findings):
                used.add(key)
    return [
        acknowledgement
        for key, acknowledgement in written.items()
        if key not in used and (linted or not _OF_A_LINTER.match(acknowledgement.rule))
    ]


def table(audits: Mapping[str, Audit]) -> str:
    """Findings and, in brackets, open ones, by deployment and pack."""
    names = (*packs.NAMES, *linters.NAMES)
    width = max(map(len, audits)) + 2
    rows = [f"{'':{width}}" + "".join(f"{name:>16}" for name in names)]
    for deployment, each in audits.items():
        cells = [f"{found} ({left})" for found, left in map(each.counts, names)]
        rows.append(f"{deployment:{width}}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(rows)
