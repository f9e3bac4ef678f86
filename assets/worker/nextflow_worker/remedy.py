"""What somebody can do about a growth that EC2 refuses."""

from __future__ import annotations

KEY = (
    "let the worker's role use the key that encrypts its volumes: the deployment's"
    " (storage.customer_key), or the account's default for EBS"
)
ROLE = "compare the worker's role and the account's policies with Workers in docs/permissions.md"

#: By EC2's error codes. https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html
REMEDIES = {
    "VolumeLimitExceeded": "raise the region's quota of gp3 storage, or lower scratch.max_size_gib",
    "MaxIOPSLimitExceeded": "raise the region's quota of gp3 IOPS, or lower scratch.iops",
    "InsufficientVolumeCapacity": "use more zones: this one has no more volumes for now",
    "UnauthorizedOperation": ROLE,
    "CustomerKeyHasBeenRevoked": KEY,
    "InvalidKmsKey": KEY,
    "KMS key": KEY,  # in our own words: a volume that was lost while EC2 made it
    "RequestLimitExceeded": "find out who calls EC2 so often in this account and region",
}


def remedy(reason: str) -> dict[str, str]:
    """Return the fact that tells it, none where there is none to tell."""
    remedies = [what for code, what in REMEDIES.items() if code in reason]
    return {"remedy": remedies[0]} if remedies else {}
