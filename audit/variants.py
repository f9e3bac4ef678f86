"""The deployments that are audited: each settings file, and what else settings can say."""

from __future__ import annotations

from typing import Any

from stacks import paths, settings_file
from stacks.settings import Settings
from testbed.synthesized import changed

_EXISTING_VPC = {
    "vpc_id": "vpc-12345678",
    "subnets": [
        {"id": "subnet-11111111", "zone": "us-west-2a"},
        {"id": "subnet-22222222", "zone": "us-west-2b"},
    ],
}
_SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:git-aB3dE5"  # noqa: S105 - a name
#: Changes to `settings/default.yaml`, by what they are about; `a__b` is the key `a.b`.
CHANGES: dict[str, dict[str, Any]] = {
    "customer key": {
        "storage__customer_key": True,
        "operations": {"email": "lab@example.org", "monthly_budget_usd": 500},
    },
    "delete with stack": {
        "storage": {"delete_with_stack": True, "delete_data_for_good": True},
    },
    "existing bucket": {
        "storage": {"existing_bucket": "our-genomes", "reference_buckets": ["1000genomes"]}
    },
    "existing VPC": {"network": {"existing": _EXISTING_VPC}},
    "isolated": {
        "network": {"egress": "isolated"},
        "registries": {"quay": True, "scan_on_push": True},
        "storage": {
            "customer_key": "arn:aws:kms:us-west-2:123456789012:key/"
            "1234abcd-12ab-34cd-56ef-1234567890ab"
        },
    },
    "roles": {
        "registries__quay": True,
        "roles": {
            "permissions_boundary": "arn:aws:iam::123456789012:policy/boundary",
            "path": "/lab/",
            "name_prefix": "lab-",
        },
    },
    "public": {
        "network": {"egress": "public"},
        "shares": {"weight_factors": {"genomics": 1, "user*": 2}, "default": "genomics"},
    },
    "secrets": {
        "account": "123456789012",
        "operations": {"email": "lab@example.org"},
        "head__git_secret": _SECRET,
    },
    "workshop's roles": {"batch_service_role": "own", "task_s3_client": "aws-cli"},
}


def all_of_them() -> dict[str, Settings]:
    """The settings of each variant, by its name."""
    files = sorted(file.stem for file in paths.SETTINGS.glob("*.yaml"))
    return {
        **{name: settings_file.read(paths.SETTINGS, name) for name in files},
        **{name: changed("default", **changes) for name, changes in CHANGES.items()},
    }
