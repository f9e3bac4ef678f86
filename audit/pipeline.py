"""Prints the roles that GitHub's workflow assumes: whom they trust, and the least that they may do.

    python -m audit.pipeline SETTINGS OWNER/REPOSITORY ENVIRONMENT

Both act only through the roles that `cdk bootstrap` made. The role of reviews may look, that of the
environment may also publish assets and deploy; what CloudFormation may then do is the policy that
`make deployer-policy` prints.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from stacks import paths, settings_file

if TYPE_CHECKING:
    from stacks.settings import Settings

#: https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
ISSUER = "token.actions.githubusercontent.com"
_REVIEW = ("lookup",)
_DEPLOY = ("deploy", "file-publishing", "image-publishing", "lookup")
_PLACEHOLDER = "ACCOUNT"


def roles(settings: Settings, repository: str, environment: str) -> dict[str, Any]:
    """The two roles, by name.

    Args:
        settings: What is deployed.
        repository: The repository on GitHub, as owner/name.
        environment: The environment whose jobs may deploy.
    """
    account = settings.account or _PLACEHOLDER
    return {
        f"nextflow-{settings.deployment}-review": _role(
            settings.region, account, f"repo:{repository}:pull_request", _REVIEW
        ),
        f"nextflow-{settings.deployment}-deploy": _role(
            settings.region, account, f"repo:{repository}:environment:{environment}", _DEPLOY
        ),
    }


def _role(region: str, account: str, subject: str, names: tuple[str, ...]) -> dict[str, Any]:
    partition = "aws-cn" if region.startswith("cn-") else "aws"
    arns = [
        f"arn:{partition}:iam::{account}:role/cdk-hnb659fds-{name}-role-{account}-{region}"
        for name in names
    ]
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:{partition}:iam::{account}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}
        },
    }
    permission = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arns}
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [permission]},
    }


def main(arguments: list[str]) -> int:
    """Print the roles as JSON."""
    name, repository, environment = arguments
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        print(f"REPOSITORY={repository} is not allowed: must be OWNER/NAME", file=sys.stderr)
        return 2
    try:
        settings = settings_file.read(paths.SETTINGS, name)
    except settings_file.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(roles(settings, repository, environment), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
