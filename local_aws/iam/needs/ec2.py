"""https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local_aws.iam.call import Call
from local_aws.iam.keys import Value
from local_aws.iam.policy import Need


def _listing(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [call.need(f"ec2:{action}")]


def _create_volume(call: Call) -> list[Need]:
    parameters = call.parameters
    # The id of a volume is not known yet.
    volume = call.arn("ec2", "volume/*")
    tags = _tags(parameters)
    encrypted = parameters.get("Encrypted")
    keys: dict[str, Value] = {
        "ec2:AvailabilityZone": parameters.get("AvailabilityZone"),
        "ec2:Encrypted": None if encrypted is None else str(encrypted).lower(),
        "ec2:KmsKeyId": parameters.get("KmsKeyId"),
        "ec2:ParentSnapshot": parameters.get("SnapshotId"),
        "ec2:VolumeIops": _text(parameters.get("Iops")),
        "ec2:VolumeSize": _text(parameters.get("Size")),
        "ec2:VolumeThroughput": _text(parameters.get("Throughput")),
        "ec2:VolumeType": parameters.get("VolumeType"),
        "ec2:Region": call.region,
    }
    needs = [call.need("ec2:CreateVolume", volume, keys, new_tags=tags)]
    if tags:
        creating: dict[str, Value] = {"ec2:CreateAction": "CreateVolume", "ec2:Region": call.region}
        needs.append(call.need("ec2:CreateTags", volume, creating, new_tags=tags))
    return needs


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {
        tag["Key"]: tag["Value"]
        for specification in parameters.get("TagSpecifications") or ()
        for tag in specification["Tags"]
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _of_volume_and_instance(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [
        _on(call, action, f"volume/{call.parameters['VolumeId']}"),
        *[_on(call, action, each) for each in _instances(call)],
    ]


def _instances(call: Call) -> Iterator[str]:
    # DetachVolume may leave the instance out; which one it is, is the volume's to know.
    if call.parameters.get("InstanceId"):
        yield f"instance/{call.parameters['InstanceId']}"


def _of_volume(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [_on(call, action, f"volume/{call.parameters['VolumeId']}")]


def _on(call: Call, action: str, resource: str) -> Need:
    kind, _, name = resource.partition("/")
    own: dict[str, Value] = {
        "ec2:InstanceID": name if kind == "instance" else None,
        "ec2:VolumeID": name if kind == "volume" else None,
        "ec2:Region": call.region,
    }
    return call.need(f"ec2:{action}", call.arn("ec2", resource), own)


def _modify_instance_attribute(call: Call) -> list[Need]:
    parameters = call.parameters
    volumes = [
        f"volume/{mapping['Ebs']['VolumeId']}"
        for mapping in parameters.get("BlockDeviceMappings") or ()
        if "VolumeId" in mapping.get("Ebs", {})
    ]
    resources = [f"instance/{parameters['InstanceId']}", *volumes]
    return [_on(call, "ModifyInstanceAttribute", resource) for resource in resources]


NEEDS: dict[str, Callable[[Call], list[Need]]] = {
    "AttachVolume": _of_volume_and_instance("AttachVolume"),
    "CreateVolume": _create_volume,
    "DeleteVolume": _of_volume("DeleteVolume"),
    "DescribeInstances": _listing("DescribeInstances"),
    "DescribeInstanceTypes": _listing("DescribeInstanceTypes"),
    "DescribeVolumes": _listing("DescribeVolumes"),
    "DescribeVolumesModifications": _listing("DescribeVolumesModifications"),
    "DetachVolume": _of_volume_and_instance("DetachVolume"),
    "ModifyInstanceAttribute": _modify_instance_attribute,
    "ModifyVolume": _of_volume("ModifyVolume"),
}
