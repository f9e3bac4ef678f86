"""Checks of the account: quotas, roles, and the key of new volumes."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from nfbatch import site as sites
from nfbatch.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.site import Site

#: Quota codes of vCPUs by class and purchase. Service Quotas shows them with these names.
#: https://docs.aws.amazon.com/general/latest/gr/ec2-service.html
_VCPU_QUOTAS = {
    ("standard", False): ("L-1216C47A", "Running On-Demand Standard instances"),
    ("standard", True): ("L-34B43A08", "All Standard Spot Instance Requests"),
    ("gpu", False): ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    ("gpu", True): ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("p", False): ("L-417A185B", "Running On-Demand P instances"),
    ("p", True): ("L-7212CCBC", "All P Spot Instance Requests"),
}
_OTHERS = ("dl", "hpc", "inf", "trn")
_ROLES = {
    "AWSServiceRoleForECS": "ecs.amazonaws.com",
    "AWSServiceRoleForAutoScaling": "autoscaling.amazonaws.com",
}
_BATCH_ROLE = ("AWSServiceRoleForBatch", "batch.amazonaws.com")
_SPOT_ROLE = ("AWSServiceRoleForEC2Spot", "spot.amazonaws.com")


def _quotas(site: Site) -> Iterator[tuple[str, str]]:
    wanted: Counter[tuple[str, str]] = Counter()
    for environment in site.environments:
        resources = sites.resources(environment)
        kinds = {_class(name) for name in resources.get("instanceTypes", [])}
        for kind in filter(None, kinds):
            quota = _VCPU_QUOTAS[kind, sites.is_spot(environment)]
            wanted[quota] += int(resources.get("maxvCpus", 0))
    client = site.client("service-quotas")
    for (code, name), vcpus in sorted(wanted.items()):
        quota = client.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        limit = int(quota["Value"])
        if limit < vcpus:
            yield (
                f"the compute environments may have {vcpus} vCPUs, and the account's quota"
                f" {name!r} is {limit}: jobs beyond it stay RUNNABLE",
                "aws service-quotas request-service-quota-increase --service-code ec2"
                f" --quota-code {code} --desired-value {vcpus}",
            )


def _class(name: str) -> str | None:
    """Whose quota counts an instance type; None for those of rare families."""
    letters = re.split(r"[\d_.]", name)[0]
    if letters in _OTHERS:
        return None
    if letters in ("optimal", "default") or letters[0] in "acdhimrtz":
        return "standard"
    return "gpu" if letters[0] == "g" or letters == "vt" else "p" if letters == "p" else None


def _service_linked_roles(site: Site) -> Iterator[tuple[str, str]]:
    wanted = dict(_ROLES)
    roles = [each.get("serviceRole", "") for each in site.environments]
    if any(role.endswith(_BATCH_ROLE[0]) or not role for role in roles):
        wanted.update([_BATCH_ROLE])
    if any(sites.is_spot(each) for each in site.environments):
        wanted.update([_SPOT_ROLE])
    iam = site.client("iam")
    for role, service in sorted(wanted.items()):
        try:
            iam.get_role(RoleName=role)
        except iam.exceptions.NoSuchEntityException:
            yield (
                f"the account has no role {role}",
                f"aws iam create-service-linked-role --aws-service-name {service}",
            )


def _keys(site: Site) -> dict[str, str]:
    """The keys that encrypt the workers' volumes, and which these are."""
    keys: dict[str, str] = {}
    for template in site.launch_templates:
        for device in site.template_data(template).get("BlockDeviceMappings", []):
            ebs = device.get("Ebs", {})
            if ebs.get("KmsKeyId"):
                keys[ebs["KmsKeyId"]] = "the key of the launch template"
            elif ebs.get("Encrypted"):
                default = site.client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"]
                keys[default] = "the account's default key of EBS"
    return keys


def _volume_keys(site: Site) -> Iterator[tuple[str, str]]:
    kms = site.client("kms")
    for key, what in _keys(site).items():
        # The key that AWS manages itself needs nothing.
        if key.endswith("alias/aws/ebs"):
            continue
        described = kms.describe_key(KeyId=key)["KeyMetadata"]
        if described["KeyManager"] == "AWS":
            continue
        if described["KeyState"] != "Enabled":
            yield f"{what}, {key}, is {described['KeyState']}", f"aws kms enable-key --key-id {key}"
            continue
        policy = kms.get_key_policy(KeyId=described["KeyId"], PolicyName="default")["Policy"]
        if not _allows(json.loads(policy), "AWSServiceRoleForAutoScaling"):
            yield (
                f"{what}, {key}, does not allow AWSServiceRoleForAutoScaling to use it: instances"
                " end while they start",
                "allow it in the key's policy: docs/customer-key.md has the statements",
            )


def _allows(policy: dict[str, Any], role: str) -> bool:
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        text = json.dumps([statement.get("Principal"), statement.get("Condition")])
        if statement.get("Effect") == "Allow" and (role in text or '"*"' in text):
            return True
    return False


ACCOUNT = (
    Check(
        id="quotas",
        title="quotas of vCPUs",
        action="servicequotas:GetServiceQuota",
        link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html",
        run=_quotas,
    ),
    Check(
        id="service-linked-roles",
        title="service-linked roles",
        action="iam:GetRole",
        link="https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html",
        run=_service_linked_roles,
    ),
    Check(
        id="volume-key",
        title="the key that encrypts volumes",
        action="ec2:GetEbsDefaultKmsKeyId",
        link="https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html",
        run=_volume_keys,
    ),
)
