"""Copies of public images in ECR."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
import pytest

from nextflow_batch import Registries
from nextflow_batch.registry_cache import _prefix
from testbed.resources import only, properties, statement, text
from testbed.synthesized import Templates, changed, of

SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/hub-aB3dE5"
ALL = {
    "docker_hub": SECRET,
    "github": SECRET.replace("hub-", "github-"),
    "quay": True,
    "ecr_public": True,
    "expires_days": 90,
    "scan_on_push": True,
}


@pytest.fixture(scope="module")
def batch() -> Any:
    found: Templates = of(changed("default", registries=ALL))
    return found["batch"]


def _rules(batch: Any) -> dict[str, dict[str, Any]]:
    rules = properties(batch, "AWS::ECR::PullThroughCacheRule")
    return {rule["UpstreamRegistry"]: rule for rule in rules}


def test_each_registry_is_copied_from_its_address(batch: Any) -> None:
    """The addresses are those of the service's model."""
    model = botocore.session.get_session().get_service_model("ecr")
    shape = model.operation_model("CreatePullThroughCacheRule").input_shape
    assert shape
    words = re.sub(r"<[^>]+>", "", shape.members["upstreamRegistryUrl"].documentation)
    known = dict(re.findall(r"\(([a-z-]+)\) \W (\S+)", words))

    assert set(_rules(batch)) == {
        "docker-hub",
        "github-container-registry",
        "quay",
        "ecr-public",
    }
    for kind, rule in _rules(batch).items():
        assert rule["UpstreamRegistryUrl"] == known[kind]


def test_registries_that_ask_for_credentials_get_them(batch: Any) -> None:
    secrets = {kind: rule.get("CredentialArn") for kind, rule in _rules(batch).items()}

    assert secrets == {
        "docker-hub": ALL["docker_hub"],
        "github-container-registry": ALL["github"],
        "quay": None,
        "ecr-public": None,
    }


def test_every_repository_is_made_as_a_template_says(batch: Any) -> None:
    templates = properties(batch, "AWS::ECR::RepositoryCreationTemplate")
    prefixes = {rule["EcrRepositoryPrefix"] for rule in _rules(batch).values()}

    assert {template["Prefix"] for template in templates} == prefixes
    for template in templates:
        rules = json.loads(template["LifecyclePolicy"])["rules"]
        selections = [rule["selection"] for rule in rules]
        assert [(each["tagStatus"], each["countNumber"]) for each in selections] == [
            ("untagged", 14),
            ("any", 90),
        ]


def test_copies_are_kept_where_the_settings_do_not_say_otherwise() -> None:
    batch = of(changed("workshop", registries={"quay": True}))["batch"]
    template = only(batch, "AWS::ECR::RepositoryCreationTemplate")

    (rule,) = json.loads(template["LifecyclePolicy"])["rules"]
    assert rule["selection"]["tagStatus"] == "untagged"
    batch.resource_count_is("AWS::ECR::RegistryScanningConfiguration", 0)


def test_copies_and_the_head_image_are_scanned_when_they_arrive(batch: Any) -> None:
    configuration = only(batch, "AWS::ECR::RegistryScanningConfiguration")
    (rule,) = configuration["Rules"]

    assert rule["ScanFrequency"] == "SCAN_ON_PUSH"
    assert [text(entry["Filter"]) for entry in rule["RepositoryFilters"]] == [
        "default/*",
        "cdk-*-container-assets-<AWS::AccountId>-*",
    ]


def test_the_head_knows_where_the_copies_are(batch: Any) -> None:
    variables = {
        entry["Name"]: text(entry["Value"])
        for entry in only(batch, "AWS::Batch::JobDefinition")["ContainerProperties"]["Environment"]
    }
    copies = dict(entry.split("=") for entry in variables["NF_REGISTRIES"].split())

    assert set(copies) == {"docker.io", "ghcr.io", "quay.io", "public.ecr.aws"}
    registry = "<AWS::AccountId>.dkr.ecr.us-west-2.<AWS::URLSuffix>"
    assert copies["quay.io"] == f"{registry}/default/quay"
    assert {place.removeprefix(f"{registry}/") for place in copies.values()} == {
        rule["EcrRepositoryPrefix"] for rule in _rules(batch).values()
    }


def test_workers_make_and_pull_copies_of_their_deployment_only(batch: Any) -> None:
    found = statement(batch, "PullAndMakeCopies")

    assert {"ecr:BatchImportUpstreamImage", "ecr:CreateRepository", "ecr:BatchGetImage"} <= set(
        found["Action"]
    )
    assert text(found["Resource"]) == "arn:aws:ecr:us-west-2:<AWS::AccountId>:repository/default/*"
    policies = [
        text(arn)
        for role in properties(batch, "AWS::IAM::Role")
        if "ec2" in str(role["AssumeRolePolicyDocument"])
        for arn in role["ManagedPolicyArns"]
    ]
    assert any("RegistryCacheAccess" in arn for arn in policies)


def test_without_registries_nothing_is_copied(templates: Any) -> None:
    batch = templates("default")["batch"]

    batch.resource_count_is("AWS::ECR::PullThroughCacheRule", 0)
    assert "NF_REGISTRIES" not in str(batch.to_json())


def test_another_secret_gets_a_rule_of_another_name() -> None:
    """CloudFormation can change no rule, and cannot make a second one of the same name."""
    names = set()
    for secret in (SECRET, SECRET.replace("aB3dE5", "zZ9yY8")):
        (upstream,) = Registries(docker_hub=secret).upstreams()
        names.add(_prefix(upstream, "lab"))

    assert len(names) == 2


def test_every_prefix_is_one_that_ecr_accepts() -> None:
    model = botocore.session.get_session().get_service_model("ecr")
    shape = model.shape_for("PullThroughCacheRuleRepositoryPrefix")
    for deployment in ("a", "lab--2", "a" * 20):
        for upstream in Registries(**ALL).upstreams():  # type: ignore[arg-type]
            prefix = _prefix(upstream, deployment)
            assert shape.metadata["min"] <= len(prefix) <= shape.metadata["max"]
            assert re.fullmatch(shape.metadata["pattern"], prefix)
