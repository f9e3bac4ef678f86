"""The rule packs of cdk-nag: AWS's own, HIPAA, NIST 800-53 revision 5 and PCI DSS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks

from audit.finding import STANDARDS, Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import App
    from cdk_nag import NagPack

_PACKS: dict[str, Callable[[], NagPack]] = {
    "AwsSolutions": AwsSolutionsChecks,
    STANDARDS["HIPAA.Security"]: HIPAASecurityChecks,
    STANDARDS["NIST.800.53.R5"]: NIST80053R5Checks,
    STANDARDS["PCI.DSS.321"]: PCIDSS321Checks,
}
NAMES = tuple(_PACKS)


def findings(app: App) -> list[Finding]:
    """What the packs find, errors and warnings."""
    return [
        Finding(name, violation.rule_name, str(resource.construct_path), violation.description)
        for name, pack in _PACKS.items()
        for violation in pack().validate_scope(app).violations
        for resource in violation.violating_resources
    ]
