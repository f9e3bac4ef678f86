"""Copies of public images in ECR, which workers make by pulling them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check, refuse
from nextflow_batch.problem import Problem, quote
from nextflow_batch.registries import Registries, Upstream
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A prefix of ECR has at most 30 characters, `/ghcr-0123` has ten of them.
_LONGEST_DEPLOYMENT = 20


class RegistryCache(Construct):
    """Rules by which ECR copies the images of other registries when they are first pulled.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html

    Attributes:
        copies: Where the copies of each registry are, by the registry's host.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, registries: Registries, deployment: str
    ) -> None:
        """Define the rules.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            registries: What is copied.
            deployment: Begins the names of the repositories.

        Raises:
            ArgumentsError: The deployment's name does not fit.
        """
        check("RegistryCache", registries=(InstanceOf[Registries], registries))
        refuse("RegistryCache", name_problems(registries, deployment))
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        registry = f"{stack.account}.dkr.ecr.{stack.region}.{stack.url_suffix}"
        self.copies: dict[str, str] = {}
        for upstream in registries.upstreams():
            prefix = _prefix(upstream, deployment)
            self.copies[upstream.host] = f"{registry}/{prefix}"
            self._add_rule(upstream, prefix, registries.expires_days)
        if registries.scan_on_push:
            self._scan(f"{deployment}/*")
        repositories = stack.format_arn(
            service="ecr", resource="repository", resource_name=f"{deployment}/*"
        )
        self._access = iam.ManagedPolicy(
            self,
            "Access",
            description="Pull copies of public images, and make them",
            statements=_pull_statements(repositories),
        )
        justify(
            self._access,
            {
                repositories: "copies are named after their images",
                "*": "ECR names no resource of ecr:GetAuthorizationToken",
            },
        )

    def grant_pull(self, role: iam.IRole) -> None:
        """Let a role pull the copies, and make those that are missing."""
        role.add_managed_policy(self._access)

    @property
    def variable(self) -> str:
        """The head's NF_REGISTRIES: HOST=PLACE, separated by spaces."""
        return " ".join(f"{host}={place}" for host, place in self.copies.items())

    def _add_rule(self, upstream: Upstream, prefix: str, expires_days: int | None) -> None:
        template = ecr.CfnRepositoryCreationTemplate(
            self,
            f"{upstream.name}-template",
            prefix=prefix,
            applied_for=["PULL_THROUGH_CACHE"],
            description=f"Copies of {upstream.host}",
            lifecycle_policy=json.dumps({"rules": _lifecycle(expires_days)}),
        )
        rule = ecr.CfnPullThroughCacheRule(
            self,
            f"{upstream.name}-rule",
            ecr_repository_prefix=prefix,
            upstream_registry=upstream.kind,
            upstream_registry_url=upstream.url,
            credential_arn=upstream.secret,
        )
        rule.node.add_dependency(template)

    def _scan(self, *repositories: str) -> None:
        assets = f"cdk-*-container-assets-{Stack.of(self).account}-*"  # of `cdk bootstrap`
        ecr.CfnRegistryScanningConfiguration(
            self,
            "Scanning",
            scan_type="BASIC",
            rules=[
                ecr.CfnRegistryScanningConfiguration.ScanningRuleProperty(
                    scan_frequency="SCAN_ON_PUSH",
                    repository_filters=[
                        ecr.CfnRegistryScanningConfiguration.RepositoryFilterProperty(
                            filter=name, filter_type="WILDCARD"
                        )
                        for name in (*repositories, assets)
                    ],
                )
            ],
        )


def name_problems(registries: Registries, deployment: str) -> Iterator[Problem]:
    """Names of deployments that cannot begin a repository's name."""
    if not any(registries.upstreams()):
        return
    if len(deployment) > _LONGEST_DEPLOYMENT or deployment.endswith("-"):
        text = (
            f"{quote(deployment)} is not allowed with registries: must have at most"
            f" {_LONGEST_DEPLOYMENT} characters and not end with a hyphen"
        )
        yield Problem(("deployment",), text)


def _prefix(upstream: Upstream, deployment: str) -> str:
    """Of the copies' repositories; another secret needs another, as no rule can be changed."""
    digest = hashlib.sha256((upstream.secret or "").encode()).hexdigest()[:4]
    return f"{deployment}/{upstream.name}{f'-{digest}' if upstream.secret else ''}"


def _lifecycle(expires_days: int | None) -> list[dict[str, Any]]:
    untagged: dict[str, Any] = {
        "rulePriority": 1,
        "description": "What a tag no longer names",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": 14,
        },
        "action": {"type": "expire"},
    }
    if expires_days is None:
        return [untagged]
    selection = untagged["selection"] | {"tagStatus": "any", "countNumber": expires_days}
    old = untagged | {"rulePriority": 2, "description": "Old copies", "selection": selection}
    return [untagged, old]


def _pull_statements(repositories: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="LogInToCache", actions=["ecr:GetAuthorizationToken"], resources=["*"]
        ),
        iam.PolicyStatement(
            sid="PullAndMakeCopies",
            # https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:BatchImportUpstreamImage",
                "ecr:CreateRepository",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=[repositories],
        ),
    ]
