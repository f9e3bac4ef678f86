"""How each worker starts: disks, metadata service and user data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import jsii
from aws_cdk import IStableAnyProducer, Lazy, Stack, Tags
from aws_cdk import aws_ec2 as ec2

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from nextflow_batch.scratch import Scratch
    from nextflow_batch.worker_document import WorkerDocument
    from nextflow_batch.worker_programs import WorkerPrograms

#: The ECS-optimized AMI has one root volume, /dev/xvda.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-ami-storage-config.html
ROOT_DEVICE = "/dev/xvda"
#: In front of `boot.sh`, which reads the document. The shell expands nothing in it.
WRITE_DOCUMENT = """#!/bin/bash
mkdir -p "${{NFB_ROOT:-}}/etc/nextflow-batch"
cat >"${{NFB_ROOT:-}}/etc/nextflow-batch/worker.json" <<'END OF DOCUMENT'
{}
END OF DOCUMENT
"""


class WorkerLaunchTemplate(ec2.LaunchTemplate):
    """The launch template of all workers of a deployment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        document: WorkerDocument,
        programs: WorkerPrograms,
        scratch: Scratch,
        root_size_gib: int,
        key: kms.IKey | None,
    ) -> None:
        """Define the template.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            document: What it tells a worker.
            programs: What a worker runs at boot.
            scratch: The scratch disk.
            root_size_gib: Size of the volume with the AMI.
            key: Encrypts the volumes; the account's EBS key when not given.
        """
        super().__init__(
            scope,
            construct_id,
            user_data=_user_data(document, programs),
            block_devices=[
                ec2.BlockDevice(
                    device_name=ROOT_DEVICE,
                    volume=ec2.BlockDeviceVolume.ebs(
                        root_size_gib,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        encrypted=True,
                        kms_key=key,
                    ),
                ),
                ec2.BlockDevice(
                    device_name=document.scratch_device,
                    volume=ec2.BlockDeviceVolume.ebs(
                        scratch.size_gib,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        iops=scratch.iops,
                        throughput=scratch.throughput_mibs,
                        encrypted=True,
                        kms_key=key,
                    ),
                ),
            ],
            http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
            # One hop ends at the instance. Batch runs jobs in the host's network, so this does not
            # keep tasks off the instance's role; it holds for any container behind a bridge.
            # https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html
            http_put_response_hop_limit=1,
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
        )
        # The CDK's name is the whole path; this one leaves out what logical ids leave out too.
        path = [part for part in self.node.path.split("/") if part != "Default"]
        Tags.of(self).add("Name", "/".join(path))
        self._tag_network_interfaces()

    def _tag_network_interfaces(self) -> None:
        """Give network interfaces the tags too; the CDK tags instances and volumes only."""
        template = cast("ec2.CfnLaunchTemplate", self.node.default_child)
        template.add_property_override(
            "LaunchTemplateData.TagSpecifications.2",
            {
                "ResourceType": "network-interface",
                "Tags": Lazy.any(cast("IStableAnyProducer", _TagsOfInstances(template))),
            },
        )


@jsii.implements(IStableAnyProducer)
class _TagsOfInstances:
    """The tags that the CDK gives to instances, at synthesis, when all are known.

    Args:
        template: The launch template.
    """

    def __init__(self, template: ec2.CfnLaunchTemplate) -> None:
        self._template = template

    def produce(self) -> Any:
        """The tags as CloudFormation takes them."""
        data = Stack.of(self._template).resolve(self._template.launch_template_data)
        tags = data["tagSpecifications"][0]["tags"]
        return [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]


def _user_data(document: WorkerDocument, programs: WorkerPrograms) -> ec2.MultipartUserData:
    # Batch takes only MIME multipart; `==BOUNDARY==` is the boundary of its own document.
    # https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
    user_data = ec2.MultipartUserData(parts_separator="//nextflow-batch//")
    for content_type, body in (
        ("text/cloud-boothook", programs.boothook),
        ("text/x-shellscript", WRITE_DOCUMENT.format(document.to_json()) + programs.boot),
    ):
        user_data.add_part(
            ec2.MultipartBody.from_raw_body(
                content_type=f'{content_type}; charset="us-ascii"', body=body
            )
        )
    return user_data
