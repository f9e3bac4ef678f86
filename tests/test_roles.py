"""Permissions boundary, path and name prefix: on every role and policy, whoever makes it."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.resources import text
from testbed.synthesized import changed, of

BOUNDARY = "arn:aws:iam::123456789012:policy/org/boundary"
DEMANDS = {"permissions_boundary": BOUNDARY, "path": "/lab/", "name_prefix": "lab-"}
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:"
#: Each makes other roles or policies.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": ("default", {}),
    "workshop": ("workshop", {}),
    "customer key": ("default", {"storage__customer_key": True}),
    "deleted with the stack": (
        "default",
        {"storage": {"delete_with_stack": True, "delete_data_for_good": True}},
    ),
    "everything": (
        "default",
        {
            "operations": {"email": "lab@example.org"},
            "head__git_secret": f"{SECRET}git-aB3dE5",
            "registries": {"quay": True},
        },
    ),
}
KINDS = {
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Policy": ("PolicyName", 128),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", 128),
}


def _resources(name: str, changes: dict[str, Any], demands: dict[str, str]) -> dict[str, Any]:
    templates = of(changed(name, roles=demands, **changes))
    return {
        f"{stack} {logical_id}": resource
        for stack, template in templates.items()
        for logical_id, resource in template.to_json()["Resources"].items()
    }


@pytest.fixture(scope="module", params=VARIANTS)
def resources(request: pytest.FixtureRequest) -> dict[str, Any]:
    name, changes = VARIANTS[request.param]
    return _resources(name, changes, DEMANDS)


def test_every_role_has_the_boundary(resources: dict[str, Any]) -> None:
    found = {
        name: resource["Properties"].get("PermissionsBoundary")
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }

    assert found
    assert set(found.values()) == {BOUNDARY}


def test_everything_of_iam_that_can_have_a_path_has_it(resources: dict[str, Any]) -> None:
    paths = {
        resource["Properties"].get("Path")
        for resource in resources.values()
        if resource["Type"] in KINDS.keys() - {"AWS::IAM::Policy"}
    }

    assert paths == {"/lab/"}


def test_everything_of_iam_has_a_name_of_its_own_with_the_prefix(resources: dict[str, Any]) -> None:
    names = []
    for resource in resources.values():
        if resource["Type"] in KINDS:
            key, longest = KINDS[resource["Type"]]
            name = resource["Properties"][key]
            assert name.startswith("lab-")
            assert len(name) <= longest
            names.append(name)

    assert len(names) == len(set(names))


def test_no_other_kind_of_iam_is_overlooked(resources: dict[str, Any]) -> None:
    kinds = {entry["Type"] for entry in resources.values() if "::IAM::" in entry["Type"]}

    assert kinds <= KINDS.keys()


def test_the_cdks_own_roles_are_among_them() -> None:
    name, changes = VARIANTS["deleted with the stack"]
    found = _resources(name, changes, DEMANDS)

    assert any("CustomResourceProviderRole" in each for each in found)


def test_without_demands_nothing_has_a_name() -> None:
    found = _resources("workshop", {}, {})

    for resource in found.values():
        if resource["Type"] in KINDS.keys() - {"AWS::IAM::Policy"}:
            names = {"PermissionsBoundary", KINDS[resource["Type"]][0]}
            assert not names & resource["Properties"].keys()
            assert resource["Properties"].get("Path", "/") == "/"


def test_a_replaced_policy_gets_another_name() -> None:
    """CloudFormation makes it before it deletes the old one."""
    names = [
        {
            name: resource["Properties"]["ManagedPolicyName"]
            for name, resource in _resources(
                "workshop", {}, {"name_prefix": "lab-", "path": path}
            ).items()
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
        }
        for path in ("/a/", "/b/")
    ]

    assert names[0].keys() == names[1].keys()
    assert not set(names[0].values()) & set(names[1].values())


def test_the_head_passes_the_role_by_its_whole_arn() -> None:
    found = _resources("workshop", {}, DEMANDS)
    passed = [
        text(statement["Resource"])
        for resource in found.values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    ]

    assert all(arn.endswith(".Arn>") for arn in passed)
    assert passed
