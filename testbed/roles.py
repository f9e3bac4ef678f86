"""What each role of a deployment may do, from its templates.

Names that AWS makes are replaced by the logical id without its hash: `StorageBucket`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from local_aws.iam.policy import Statement, statements
from local_aws.server import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_cdk.assertions import Template

_REGION = "us-west-2"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": _REGION}
_PSEUDO["AWS::URLSuffix"] = "amazonaws.com"
_AWS_POLICY = "arn:aws:iam::aws:policy/"
#: How an ARN is made of a resource's name.
_ARNS = {
    "AWS::Batch::ComputeEnvironment": f"arn:aws:batch:{_REGION}:{ACCOUNT}:compute-environment/",
    "AWS::Batch::JobQueue": f"arn:aws:batch:{_REGION}:{ACCOUNT}:job-queue/",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/",
    "AWS::KMS::Key": f"arn:aws:kms:{_REGION}:{ACCOUNT}:key/",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_REGION}:{ACCOUNT}:log-group:",
    "AWS::S3::Bucket": "arn:aws:s3:::",
    "AWS::SNS::Topic": f"arn:aws:sns:{_REGION}:{ACCOUNT}:",
}
_REF_IS_ARN = {
    *("AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue", "AWS::IAM::ManagedPolicy"),
    "AWS::SNS::Topic",
}
_NAMES = {"AWS::Batch::JobQueue": "JobQueueName"}


def stand_in(logical_id: str) -> str:
    """Return what a resource is called instead of its physical name."""
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


@dataclass(frozen=True)
class Role:
    """A role of the deployment.

    Attributes:
        name: Its stand-in, such as `HeadTaskRole`.
        services: Who assumes it.
        allowed: Its statements.
    """

    name: str
    services: list[str]
    allowed: list[Statement] = field(default_factory=list)


def roles_of(templates: Mapping[str, Template]) -> list[Role]:
    """Read the roles of all stacks, with the policies that any of the stacks attaches."""
    return _Deployment(templates).roles()


def cluster_of(templates: Mapping[str, Template]) -> str:
    """Return the name that Batch gives to the cluster of one of the compute environments."""
    for template in templates.values():
        for name in template.find_resources("AWS::Batch::ComputeEnvironment"):
            return f"AWSBatch-{stand_in(name)}-1"
    raise ValueError("there is no compute environment")


class _Deployment:
    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._resources: dict[str, dict[str, Any]] = {}
        self._exports: dict[str, Any] = {}
        for template in templates.values():
            content = template.to_json()
            self._resources |= content.get("Resources", {})
            for output in content.get("Outputs", {}).values():
                if "Export" in output:
                    self._exports[output["Export"]["Name"]] = output["Value"]
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._reference,
            "Fn::GetAtt": lambda arguments: self._attribute(*arguments),
            "Fn::ImportValue": lambda name: self._value(self._exports[name]),
            "Fn::Join": lambda arguments: arguments[0].join(self._value(arguments[1])),
            "Fn::Select": lambda arguments: self._value(arguments[1])[int(arguments[0])],
            "Fn::Split": self._split,
            "Fn::Sub": self._substitute,
        }

    def roles(self) -> list[Role]:
        return [
            Role(stand_in(name), self._services(entry), self._statements(name, entry))
            for name, entry in sorted(self._of("AWS::IAM::Role").items())
        ]

    def _of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: entry["Properties"]
            for name, entry in self._resources.items()
            if entry["Type"] == kind
        }

    def _services(self, role: dict[str, Any]) -> list[str]:
        document = self._value(role["AssumeRolePolicyDocument"])
        return [str(entry["Principal"]["Service"]) for entry in document["Statement"]]

    def _statements(self, name: str, role: dict[str, Any]) -> list[Statement]:
        arns = [self._value(arn) for arn in role.get("ManagedPolicyArns", [])]
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        managed = {
            f"{_ARNS['AWS::IAM::ManagedPolicy']}{stand_in(policy)}": entry
            for policy, entry in self._of("AWS::IAM::ManagedPolicy").items()
        }
        documents += [managed[arn]["PolicyDocument"] for arn in arns if arn in managed]
        for entry in [*managed.values(), *self._of("AWS::IAM::Policy").values()]:
            if {"Ref": name} in entry.get("Roles", []):
                documents.append(entry["PolicyDocument"])
        documents += [_aws_policy(arn) for arn in arns if arn.startswith(_AWS_POLICY)]
        return [each for document in documents for each in statements(self._value(document))]

    def _value(self, node: Any) -> Any:
        """Return a template's value, its functions evaluated."""
        if isinstance(node, list):
            return [self._value(value) for value in node]
        if not isinstance(node, dict):
            return node
        for name, argument in node.items():
            if name in self._functions:
                return self._functions[name](argument)
        return {key: self._value(value) for key, value in node.items()}

    def _substitute(self, text: str) -> str:
        return re.sub(r"\$\{([\w:]+)\}", lambda found: self._reference(found[1]), text)

    def _split(self, arguments: list[Any]) -> list[str]:
        return str(self._value(arguments[1])).split(arguments[0])

    def _reference(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        kind = self._resources[name]["Type"]
        return (_ARNS[kind] if kind in _REF_IS_ARN else "") + self._name(name)

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self._resources[name]["Type"]
        if not attribute.endswith("Arn"):
            raise ValueError(f"cannot say what {name}.{attribute} is")
        return _ARNS[kind] + self._name(name) + (":*" if kind == "AWS::Logs::LogGroup" else "")

    def _name(self, name: str) -> str:
        entry = self._resources[name]
        return str(entry["Properties"].get(_NAMES.get(entry["Type"], ""), stand_in(name)))


@cache
def _aws_policies() -> dict[str, Any]:
    return dict(json.loads(aws_managed_policies_data))


def _aws_policy(arn: str) -> Any:
    return _aws_policies()[arn.rpartition("/")[2]]["Document"]
