"""IAM roles, policies and instance profiles."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from collections.abc import Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.api import ApiError
from local_aws.cloudformation.handlers.handler import (
    Handler,
    Properties,
    changed,
    shortened,
    tag_list,
)

_MAX_ROLE_NAME = 64
_MAX_POLICY_NAME = 128
_MAX_POLICY_VERSIONS = 5


class _IamHandler(Handler):
    def iam(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.call("iam", method, **parameters)


class Role(_IamHandler):
    """`AWS::IAM::Role`; its physical id is its name."""

    applies: ClassVar = frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        }
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.iam(
            "create_role",
            RoleName=properties.get("RoleName") or shortened(name, _MAX_ROLE_NAME),
            Path=properties.get("Path"),
            AssumeRolePolicyDocument=properties["AssumeRolePolicyDocument"],
            Description=properties.get("Description"),
            PermissionsBoundary=properties.get("PermissionsBoundary"),
            Tags=tag_list(properties),
        )
        return str(answer["Role"]["RoleName"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._update_policies(physical_id, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        role = {"RoleName": physical_id}
        if changed(old, new, "AssumeRolePolicyDocument"):
            document = new["AssumeRolePolicyDocument"]
            self.iam("update_assume_role_policy", **role, PolicyDocument=document)
        if changed(old, new, "Description"):
            self.iam("update_role", **role, Description=new.get("Description", ""))
        if changed(old, new, "PermissionsBoundary"):
            if "PermissionsBoundary" in new:
                boundary = new["PermissionsBoundary"]
                self.iam("put_role_permissions_boundary", **role, PermissionsBoundary=boundary)
            else:
                self.iam("delete_role_permissions_boundary", **role)
        self.retag("iam", "tag_role", "untag_role", old, new, **role)
        self._update_policies(physical_id, old, new)

    def _update_policies(self, name: str, old: Properties, new: Properties) -> None:
        before, after = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
        for arn in [item for item in after if item not in before]:
            self.iam("attach_role_policy", RoleName=name, PolicyArn=arn)
        for arn in [item for item in before if item not in after]:
            self.iam("detach_role_policy", RoleName=name, PolicyArn=arn)
        inline_before, inline_after = _inline(old), _inline(new)
        for policy in inline_before.keys() - inline_after.keys():
            self.iam("delete_role_policy", RoleName=name, PolicyName=policy)
        for policy, document in inline_after.items():
            if inline_before.get(policy) != document:
                parameters = {"PolicyName": policy, "PolicyDocument": document}
                self.iam("put_role_policy", RoleName=name, **parameters)

    def delete(self, physical_id: str, properties: Properties) -> None:
        bare: Properties = {"ManagedPolicyArns": [], "Policies": []}
        self._update_policies(physical_id, properties, {**properties, **bare})
        self.iam("delete_role", RoleName=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        role = self.iam("get_role", RoleName=physical_id)["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}[name]


class ManagedPolicy(_IamHandler):
    """`AWS::IAM::ManagedPolicy`; its physical id is its ARN."""

    applies: ClassVar = frozenset(
        {"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"}
    )

    def create(self, name: str, properties: Properties) -> str:
        answer = self.iam(
            "create_policy",
            PolicyName=properties.get("ManagedPolicyName") or shortened(name, _MAX_POLICY_NAME),
            Path=properties.get("Path"),
            Description=properties.get("Description"),
            PolicyDocument=properties["PolicyDocument"],
        )
        return str(answer["Policy"]["Arn"])

    def complete(self, physical_id: str, properties: Properties) -> None:
        self._update_roles(physical_id, {}, properties)

    def _update_roles(self, arn: str, old: Properties, new: Properties) -> None:
        before, after = old.get("Roles", []), new.get("Roles", [])
        for role in [item for item in after if item not in before]:
            self.iam("attach_role_policy", RoleName=role, PolicyArn=arn)
        for role in [item for item in before if item not in after]:
            try:
                self.iam("detach_role_policy", RoleName=role, PolicyArn=arn)
            except ApiError as error:
                if not error.gone:
                    raise

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._update_roles(physical_id, old, new)
        if changed(old, new, "PolicyDocument"):
            self._drop_versions(physical_id, keep=_MAX_POLICY_VERSIONS - 1)
            document = new["PolicyDocument"]
            self.iam(
                "create_policy_version",
                PolicyArn=physical_id,
                PolicyDocument=document,
                SetAsDefault=True,
            )

    def _drop_versions(self, arn: str, *, keep: int) -> None:
        versions = self.iam("list_policy_versions", PolicyArn=arn)["Versions"]
        others = [item["VersionId"] for item in versions if not item["IsDefaultVersion"]]
        oldest_first = sorted(others, key=lambda version: int(version.removeprefix("v")))
        for version in oldest_first[: max(0, len(versions) - keep)]:
            self.iam("delete_policy_version", PolicyArn=arn, VersionId=version)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._update_roles(physical_id, properties, {})
        self._drop_versions(physical_id, keep=1)
        self.iam("delete_policy", PolicyArn=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"PolicyArn": physical_id}[name]


class Policy(_IamHandler):
    """`AWS::IAM::Policy`: an inline policy of roles."""

    applies: ClassVar = frozenset({"PolicyDocument", "PolicyName", "Roles"})

    def create(self, name: str, properties: Properties) -> str:
        return shortened(name, _MAX_POLICY_NAME)

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        renamed = changed(old, new, "PolicyName")
        before, after = old.get("Roles", []), new.get("Roles", [])
        for role in before:
            if renamed or role not in after:
                self._delete_from(role, old["PolicyName"])
        for role in after:
            policy = {key: new[key] for key in ("PolicyName", "PolicyDocument")}
            self.iam("put_role_policy", RoleName=role, **policy)

    def _delete_from(self, role: str, policy: str) -> None:
        try:
            self.iam("delete_role_policy", RoleName=role, PolicyName=policy)
        except ApiError as error:
            if not error.gone:
                raise

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.update(physical_id, properties, {"PolicyName": properties["PolicyName"]})

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        return {"Id": physical_id}[name]


class InstanceProfile(_IamHandler):
    """`AWS::IAM::InstanceProfile`; its physical id is its name."""

    applies: ClassVar = frozenset({"InstanceProfileName", "Path", "Roles"})

    def create(self, name: str, properties: Properties) -> str:
        answer = self.iam(
            "create_instance_profile",
            InstanceProfileName=properties.get("InstanceProfileName")
            or shortened(name, _MAX_POLICY_NAME),
            Path=properties.get("Path"),
        )
        return str(answer["InstanceProfile"]["InstanceProfileName"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("Roles", []), new.get("Roles", [])
        profile = {"InstanceProfileName": physical_id}
        for role in [item for item in before if item not in after]:
            self.iam("remove_role_from_instance_profile", **profile, RoleName=role)
        for role in [item for item in after if item not in before]:
            self.iam("add_role_to_instance_profile", **profile, RoleName=role)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.update(physical_id, properties, {})
        self.iam("delete_instance_profile", InstanceProfileName=physical_id)

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        profile = self.iam("get_instance_profile", InstanceProfileName=physical_id)
        return {"Arn": profile["InstanceProfile"]["Arn"]}[name]


def _inline(properties: Properties) -> dict[str, Mapping[str, Any]]:
    return {item["PolicyName"]: item["PolicyDocument"] for item in properties.get("Policies", [])}
