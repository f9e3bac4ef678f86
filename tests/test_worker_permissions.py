"""What somebody with a worker's credentials can do to others, by the deployment's own policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.iam.call import Call
from local_aws.iam.evaluation import Principal, denial_of
from local_aws.iam.needs.ec2 import NEEDS
from local_aws.iam.policy import statements
from testbed.resources import properties, text
from testbed.synthesized import synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCOUNT, REGION = "123456789012", "us-west-2"
OWN, OTHER = "i-0123456789abcdef0", "i-0fedcba9876543210"
TAG = "nextflow-batch:deployment"
ORDER: dict[str, Any] = {
    "AvailabilityZone": "us-west-2a",
    "VolumeType": "gp3",
    "Size": 4_000,
    "Encrypted": True,
    "TagSpecifications": [
        {"ResourceType": "volume", "Tags": [{"Key": TAG, "Value": "default"}]},
    ],
}


def _resolved(value: Any) -> Any:
    match value:
        case {"Fn::Join": _} | {"Ref": _}:
            return text(value).replace("<AWS::AccountId>", ACCOUNT)
        case dict():
            return {key: _resolved(entry) for key, entry in value.items()}
        case list():
            return [_resolved(entry) for entry in value]
    return value


@pytest.fixture(scope="module")
def worker() -> Principal:
    """A worker, as far as EC2 is concerned."""
    (document,) = [
        policy["PolicyDocument"]
        for policy in properties(synthesize("default")["batch"], "AWS::IAM::ManagedPolicy")
        if "CreateTaggedVolumes" in str(policy)
    ]
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/{OWN}"
    allowed = statements(json.dumps(_resolved(document)))
    return Principal(session, role, allowed, None, None, {})


def _may(worker: Principal, operation: str, *, tag: str = "default", **arguments: object) -> bool:
    def tags(arn: str) -> Mapping[str, str]:
        return {TAG: tag} if ":volume/" in arn else {}

    own = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{OWN}"
    context = {"ec2:SourceInstanceARN": own}
    call = Call("ec2", operation, arguments, ACCOUNT, REGION, context, tags)
    return all(denial_of(worker, need) is None for need in NEEDS[operation](call))


def _on(instance: str) -> Iterator[tuple[str, dict[str, Any]]]:
    volume = {"VolumeId": "vol-0123456789abcdef0"}
    yield "AttachVolume", {**volume, "InstanceId": instance, "Device": "/dev/xvdca"}
    yield "DetachVolume", {**volume, "InstanceId": instance}
    mapping = {"DeviceName": "/dev/xvdca", "Ebs": {**volume, "DeleteOnTermination": True}}
    yield "ModifyInstanceAttribute", {"InstanceId": instance, "BlockDeviceMappings": [mapping]}


def test_a_worker_attaches_its_deployments_volumes_to_itself_only(worker: Principal) -> None:
    assert [name for name, call in _on(OWN) if not _may(worker, name, **call)] == []
    assert [name for name, call in _on(OTHER) if _may(worker, name, **call)] == []
    assert [name for name, call in _on(OWN) if _may(worker, name, tag="prod", **call)] == []


@pytest.mark.parametrize("operation", ["DeleteVolume", "ModifyVolume"])
def test_volumes_of_other_deployments_are_out_of_reach(worker: Principal, operation: str) -> None:
    assert _may(worker, operation, VolumeId="vol-1")
    assert not _may(worker, operation, VolumeId="vol-1", tag="prod")


@pytest.mark.parametrize(
    "change",
    [
        {"Size": 4_001},
        {"Encrypted": False},
        {"Encrypted": None},
        {"VolumeType": "io2"},
        {"TagSpecifications": []},
        {"TagSpecifications": [{"Tags": [{"Key": TAG, "Value": "prod"}]}]},
    ],
    ids=str,
)
def test_only_volumes_that_scratch_would_order_can_be_created(
    worker: Principal, change: dict[str, Any]
) -> None:
    assert _may(worker, "CreateVolume", **ORDER)
    assert not _may(worker, "CreateVolume", **{**ORDER, **change})
