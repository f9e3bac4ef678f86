"""What a rule finds in a resource, and the reason why it may stay."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Packs that have the same rules; one reason is given for all three.
STANDARDS = {"HIPAA.Security": "HIPAA", "NIST.800.53.R5": "NIST 800-53 r5", "PCI.DSS.321": "PCI"}


@dataclass(frozen=True)
class Finding:
    """A rule that a resource breaks.

    Attributes:
        pack: The pack or program that has the rule.
        rule: Its name.
        path: The resource, as a construct's path.
        text: What the rule asks for.
    """

    pack: str
    rule: str
    path: str
    text: str

    @property
    def asked(self) -> str:
        """What the rule asks for, without the standard's own numbers."""
        return re.sub(r" - \(Control IDs?:.*", "", " ".join(self.text.split())).rstrip(".")


@dataclass(frozen=True)
class Acknowledgement:
    """Why what a rule finds may stay.

    Attributes:
        rule: The rule's name.
        path: The construct, and all below it.
        reason: Why.
        file: Where it is written.
    """

    rule: str
    path: str
    reason: str
    file: str

    def covers(self, finding: Finding) -> bool:
        """Whether a finding may stay for this reason."""
        return self.rule == finding.rule and f"{finding.path}/".startswith(f"{self.path}/")


def short(rule: str) -> str:
    """A rule's name without that of the standard."""
    return re.sub(rf"^({'|'.join(map(re.escape, STANDARDS))})-", "", rule)
