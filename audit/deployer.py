"""Prints the least policies for the role with which CloudFormation deploys some settings.

`python -m audit.deployer SETTINGS`. With the CDK's bootstrap, whoever deploys assumes its roles;
CloudFormation has the execution role, whose policies `cdk bootstrap` is given:
https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
"""

from __future__ import annotations

import json
import re
import string
import sys
from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, Any

from stacks import jsii_cache, paths

jsii_cache.choose(paths.ROOT)

from audit.handlers import CALLS, Calls  # noqa: E402 - jsii reads its cache when it is imported
from nextflow_batch.regions import partition  # noqa: E402
from nextflow_batch.tags import DEPLOYMENT_TAG  # noqa: E402
from stacks import settings_file  # noqa: E402
from testbed import synthesized  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stacks.settings import Settings

#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST = 6_144
#: CloudFormation cuts a stack's name in a generated name that becomes too long.
_SHORTEST_STACK = 24
#: What every template's parameter `BootstrapVersion` needs.
_BOOTSTRAP = Calls("ssm", "GetParameters", "parameter/cdk-bootstrap/hnb659fds/version")

Document = dict[str, Any]


class Deployer:
    """The policies for one deployment.

    Args:
        settings: Its settings.
        resources: The resources of its templates.
    """

    def __init__(self, settings: Settings, resources: Iterable[Mapping[str, Any]]) -> None:
        self._settings = settings
        self._resources = list(resources)
        self._partition = partition(settings.region)
        name = f"nextflow-{settings.deployment}-"
        stack = f"{name[:_SHORTEST_STACK]}*"
        roles = settings.roles
        # As in `stacks.roles`; a role's name is the one that is cut first.
        named = f"{roles.name_prefix}{name}"[:55] + "*" if roles.name_prefix else stack
        path = roles.path or "/"
        self._words = {
            "partition": self._partition,
            "region": settings.region,
            # A policy without an account is for the one in which its role is.
            "account": settings.account or "*",
            "stack": stack,
            "role": f"role{path}{named}",
            "policy": f"policy{path}{named}",
            "profile": f"instance-profile{path}{named}",
        }

    @property
    def types(self) -> set[str]:
        """The types of the resources."""
        return {resource["Type"] for resource in self._resources}

    def policies(self) -> dict[str, Document]:
        """The policies by their names: as few as their length allows."""
        found: list[list[Document]] = [[]]
        for statement in self._statements():
            if _length([*found[-1], statement]) > LONGEST:
                found.append([])
            found[-1].append(statement)
        name = f"nextflow-{self._settings.deployment}-deployer"
        return {
            f"{name}-{number}": {"Version": "2012-10-17", "Statement": statements}
            for number, statements in enumerate(found, 1)
        }

    def _statements(self) -> Iterator[Document]:
        actions: dict[tuple[str, str], set[str]] = defaultdict(set)
        for resource_type, calls in [("", _BOOTSTRAP), *self._calls()]:
            for arn in self._arns(resource_type, calls):
                actions[calls.condition, arn] |= {
                    f"{calls.service}:{name}" for name in calls.actions.split()
                }
        arns: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        for (condition, arn), names in actions.items():
            arns[condition, tuple(sorted(names))].append(arn)
        for (condition, together), resources in arns.items():
            statement: Document = {
                "Effect": "Allow",
                "Action": list(together),
                "Resource": sorted(resources),
            }
            if block := self._condition(condition, together):
                statement["Condition"] = block
            yield statement

    def _calls(self) -> Iterator[tuple[str, Calls]]:
        for resource_type in sorted(self.types):
            for calls in CALLS[resource_type]:
                yield resource_type, calls

    def _arns(self, resource_type: str, calls: Calls) -> Iterator[str]:
        """The ARNs of some calls, one for each value of the properties in them."""
        form = calls.resource
        if form == "*":
            yield form
            return
        if not form.startswith(("arn:", "{CredentialArn}")):
            place = ":{account}" if calls.service == "iam" else "{region}:{account}"
            form = f"arn:{{partition}}:{calls.service}:{place}:{form}"
        wanted = [name for _, name, _, _ in string.Formatter().parse(form) if name]
        properties = [name for name in wanted if name not in self._words]
        values = [self._values(resource_type, name) for name in properties]
        for chosen in product(*values):
            yield form.format(**self._words, **dict(zip(properties, chosen, strict=True)))

    def _values(self, resource_type: str, name: str) -> list[str]:
        of_type = (each for each in self._resources if each["Type"] == resource_type)
        found = (each.get("Properties", {}).get(name) for each in of_type)
        return sorted({value for value in found if isinstance(value, str)})

    def _condition(self, name: str, actions: Iterable[str]) -> Document:
        boundary = self._settings.roles.permissions_boundary
        bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary else {}
        if name == "bounded":
            return bounded
        if name == "attached":
            return {**bounded, "ArnLike": {"iam:PolicyARN": self._attachable()}}
        if name == "passed":
            return {"StringEquals": {"iam:PassedToService": self._services()}}
        if name == "tagged":
            tag = f"aws:ResourceTag/{DEPLOYMENT_TAG}"
            return {"StringEquals": {tag: self._settings.deployment}}
        if name.startswith("service-linked "):
            service = f"{name.removeprefix('service-linked ')}.amazonaws.com"
            return {"StringEquals": {"iam:AWSServiceName": service}}
        if name:
            raise ValueError(f"{name} is no condition ({', '.join(actions)})")
        return {}

    def _attachable(self) -> list[str]:
        """The deployment's own policies, and those of AWS that its roles have."""
        roles = json.dumps([each for each in self._resources if each["Type"] == "AWS::IAM::Role"])
        of_aws = set(re.findall(r":iam::aws:(policy/[\w/+=,.@-]+)", roles))
        own = "arn:{partition}:iam::{account}:{policy}".format(**self._words)
        return [own, *sorted(f"arn:{self._partition}:iam::aws:{name}" for name in of_aws)]

    def _services(self) -> list[str]:
        """The services that the roles trust, and Batch, which gets those of its containers."""
        roles = (each for each in self._resources if each["Type"] == "AWS::IAM::Role")
        trusted = {
            service
            for role in roles
            for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            for service in [statement["Principal"]["Service"]]
        }
        return sorted({"batch.amazonaws.com", *trusted})


def of(settings: Settings) -> Deployer:
    """Synthesize settings, and read what their templates have."""
    templates = synthesized.of(settings).values()
    return Deployer(
        settings,
        [each for template in templates for each in template.to_json()["Resources"].values()],
    )


def _length(statements: list[Document]) -> int:
    document = {"Version": "2012-10-17", "Statement": statements}
    return len(json.dumps(document, separators=(",", ":")))


def main(arguments: list[str]) -> int:
    """Print the policies of the settings as JSON, by their names."""
    (name,) = arguments
    try:
        settings = settings_file.read(paths.SETTINGS, name)
    except settings_file.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    policies = of(settings).policies()
    print(json.dumps(policies, indent=2))
    print(
        f"Managed policies for the CDK's execution role in {settings.region}: {len(policies)}, as"
        " each has at most 6,144 characters. How to use them: docs/prerequisites.md",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
