"""The two roles that GitHub's workflow assumes, with whom they trust and what they may do.

    python -m audit.pipeline SETTINGS OWNER/REPOSITORY ENVIRONMENT

The role of reviews reads the deployment's stacks, and no more: whoever may open a pull request can
act in it. Neither assumes the lookup role of `cdk bootstrap`, which reads all data of the account;
the CLI then goes on without. The role of the environment acts through the other roles of the
bootstrap; what CloudFormation may do is the policy that `make deployer-policy` prints.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from nextflow_batch import regions
from stacks import paths, settings_file

if TYPE_CHECKING:
    from stacks.settings import Settings

#: https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
ISSUER = "token.actions.githubusercontent.com"
_ROLES = ("deploy", "file-publishing", "image-publishing")
_PLACEHOLDER = "ACCOUNT"
#: What `cdk diff` calls.
_DIFF = ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"]
#: What `stacks.deploy` calls with the credentials of whoever deploys, to say what would happen.
PLAN = [
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:ListJobs",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "s3:ListBucket",
]


def roles(settings: Settings, repository: str, environment: str) -> dict[str, Any]:
    """The two roles, by name.

    Args:
        settings: What is deployed.
        repository: The repository on GitHub, as owner/name.
        environment: The environment whose jobs may deploy.
    """
    region, account = settings.region, settings.account or _PLACEHOLDER
    partition = regions.partition(region)
    stacks = (
        f"arn:{partition}:cloudformation:{region}:{account}:stack/nextflow-{settings.deployment}-*"
    )
    bootstrap = [
        f"arn:{partition}:iam::{account}:role/cdk-hnb659fds-{name}-role-{account}-{region}"
        for name in _ROLES
    ]
    deploy = [
        _allow("sts:AssumeRole", bootstrap),
        _allow(PLAN, "*"),
        _allow("cloudformation:DeleteStack", stacks),
    ]
    provider = f"arn:{partition}:iam::{account}:oidc-provider/{ISSUER}"
    return {
        f"nextflow-{settings.deployment}-review": _role(
            provider, f"repo:{repository}:pull_request", [_allow(_DIFF, stacks)]
        ),
        f"nextflow-{settings.deployment}-deploy": _role(
            provider, f"repo:{repository}:environment:{environment}", deploy
        ),
    }


def _allow(actions: str | list[str], resources: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _role(provider: str, subject: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}
        },
    }
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
    }


def main(arguments: list[str]) -> int:
    """Print the roles as JSON."""
    parser = argparse.ArgumentParser(prog="python -m audit.pipeline")
    for name in ("settings", "repository", "environment"):
        parser.add_argument(name, metavar=name.upper())
    options = parser.parse_args(arguments)
    # Anything else would be another subject:
    # https://docs.github.com/en/actions/reference/security/oidc
    for name, pattern, allowed in (
        ("repository", r"[\w.-]+/[\w.-]+", "OWNER/NAME"),
        ("environment", r"[\w .-]+", "the name of an environment on GitHub"),
    ):
        value = getattr(options, name)
        if not re.fullmatch(pattern, value):
            text = f"{name.upper()}={value} is not allowed: must be {allowed}"
            print(text, file=sys.stderr)
            return 2
    try:
        settings = settings_file.read(paths.SETTINGS, options.settings)
    except settings_file.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(roles(settings, options.repository, options.environment), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
