"""Says why a finding of a rule pack may stay, where the resource is.

cdk-nag's packs for HIPAA, NIST 800-53 revision 5 and PCI DSS have the same rules, each with its own
prefix: https://github.com/cdklabs/cdk-nag/blob/main/RULES.md
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations

if TYPE_CHECKING:
    from constructs import IConstruct

#: What to do where AWS's own keys are not enough.
CUSTOMER_KEY = "a deployment that must hold the key sets a customer key"
_WITH_PACK = re.compile(r"-|^CKV_|^[EW]\d")
_STANDARDS = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Acknowledge findings of a construct and of all below it.

    Args:
        construct: The construct.
        reasons: For each rule, why its finding may stay. A rule is named with its pack
            (`AwsSolutions-SQS3`) or as checkov and cfn-lint do (`CKV_AWS_18`, `W3005`); without a
            pack it is one of the three standards (`S3BucketReplicationEnabled`).
    """
    Validations.of(construct).acknowledge(
        *(
            Acknowledgment(id=rule, reason=reason)
            for name, reason in reasons.items()
            for rule in _rules(name)
        )
    )


def acknowledge_log_group(group: IConstruct) -> None:
    """Acknowledge that a log group has no customer key."""
    reason = f"CloudWatch Logs encrypts with its own keys; {CUSTOMER_KEY}"
    acknowledge(group, {"CloudWatchLogGroupEncrypted": reason, "CKV_AWS_158": reason})


def _rules(name: str) -> list[str]:
    return [name] if _WITH_PACK.search(name) else [f"{pack}-{name}" for pack in _STANDARDS]
