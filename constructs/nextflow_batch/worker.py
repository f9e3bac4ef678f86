"""What every worker is: its role, its disks and the programs that it runs at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check
from nextflow_batch.names import DeploymentName
from nextflow_batch.scratch import Scratch
from nextflow_batch.scratch_access import ScratchAccess
from nextflow_batch.storage import Storage
from nextflow_batch.tags import Tags as VolumeTags
from nextflow_batch.wildcards import justify_managed
from nextflow_batch.worker_document import WorkerDocument
from nextflow_batch.worker_programs import WorkerPrograms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_cdk import aws_kms as kms

#: The ECS-optimized AMI has one root volume, /dev/xvda.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-ami-storage-config.html
ROOT_DEVICE = "/dev/xvda"
SCRATCH_DEVICE = "/dev/xvdba"
#: In front of `boot.sh`, which reads the document. The shell expands nothing in it.
WRITE_DOCUMENT = """#!/bin/bash
mkdir -p "${{NFB_ROOT:-}}/etc/nextflow-batch"
cat >"${{NFB_ROOT:-}}/etc/nextflow-batch/worker.json" <<'END OF DOCUMENT'
{}
END OF DOCUMENT
"""


class Worker(Construct):
    """The launch template and the role of all workers of an environment.

    A worker joins the cluster only after it has proved itself; what it runs is in the folder of
    its programs, which travels as one content-hashed asset.

    Attributes:
        role: The instances' role.
        launch_template: How they start.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        programs: Path,
        aws_client: Path,
        task_s3: Path | None,
        environment: str,
        storage: Storage,
        scratch: Scratch,
        volume_tags: Mapping[str, str] | None = None,
        volume_key: kms.IKey | None = None,
    ) -> None:
        """Define role and launch template.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            programs: Folder of what a worker runs; holds `boothook.sh` and `boot.sh`.
            aws_client: Folder of what these call AWS with, `MACHINE/aws-client` for each kind of
                worker.
            task_s3: Folder of the tasks' S3 client, `MACHINE/aws` for each kind of worker; the AWS
                CLI, which each worker fetches from AWS, when it is none.
            environment: Name that the volumes are tagged with.
            storage: Holds the log in which a worker says why it did not join.
            scratch: The scratch disk.
            volume_tags: Further tags of the volumes by which the disk grows.
            volume_key: Encrypts the volumes; the account's EBS key when not given.

        Raises:
            ArgumentsError: The name, the disk or a tag is not allowed.
        """
        check(
            "Worker",
            environment=(DeploymentName, environment),
            storage=(InstanceOf[Storage], storage),
            scratch=(InstanceOf[Scratch], scratch),
            volume_tags=(VolumeTags, dict(volume_tags or {})),
        )
        super().__init__(scope, construct_id)
        self._environment = environment
        self._volume_tags = dict(volume_tags or {})
        self._log_group = storage.log_group
        built = {"aws_client": aws_client} | ({"task_s3": task_s3} if task_s3 else {})
        asset = WorkerPrograms(self, "Programs", directory=programs, built=built)
        self.role = self._make_role(asset, storage.worker_access, volume_key)
        self.launch_template = self._make_launch_template(asset, scratch, volume_key)

    def _make_role(
        self, asset: WorkerPrograms, access: iam.ManagedPolicy, volume_key: kms.IKey | None
    ) -> iam.Role:
        managed = {
            "service-role/AmazonEC2ContainerServiceforEC2Role": "what the ECS agent calls changes"
            " with the agent, and AWS keeps this policy in step with it",
            "AmazonSSMManagedInstanceCore": "lets people look at an instance without SSH and"
            " without an open port; AWS keeps it in step with its agent",
        }
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="Instances that Batch starts",
            managed_policies=[
                *(iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in managed),
                access,
                ScratchAccess(
                    self, "ScratchAccess", environment=self._environment, volume_key=volume_key
                ),
                iam.ManagedPolicy(
                    self,
                    "ProgramsAccess",
                    description="A worker's own programs",
                    statements=[
                        iam.PolicyStatement(
                            sid="FetchPrograms",
                            actions=["s3:GetObject"],
                            resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
                        )
                    ],
                ),
            ],
        )
        justify_managed(role, managed)
        return role

    def _make_launch_template(
        self,
        programs: WorkerPrograms,
        scratch: Scratch,
        volume_key: kms.IKey | None,
    ) -> ec2.LaunchTemplate:
        template = ec2.LaunchTemplate(
            self,
            "LaunchTemplate",
            user_data=self._user_data(programs, scratch, volume_key),
            block_devices=[
                ec2.BlockDevice(
                    device_name=ROOT_DEVICE,
                    volume=ec2.BlockDeviceVolume.ebs(
                        30,  # GiB, what the AMI has
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        encrypted=True,
                        kms_key=volume_key,
                    ),
                ),
                ec2.BlockDevice(
                    device_name=SCRATCH_DEVICE,
                    volume=ec2.BlockDeviceVolume.ebs(
                        scratch.size_gib,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        iops=scratch.iops,
                        throughput=scratch.throughput_mibs,
                        encrypted=True,
                        kms_key=volume_key,
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
        # The tag that ScratchAccess goes by must be on the first volume too.
        Tags.of(template).add(ScratchAccess.TAG, self._environment)
        return template

    def _user_data(
        self,
        programs: WorkerPrograms,
        scratch: Scratch,
        volume_key: kms.IKey | None,
    ) -> ec2.MultipartUserData:
        document = WorkerDocument(
            region=Stack.of(self).region,
            environment=self._environment,
            log_group=self._log_group.log_group_name,
            asset_bucket=programs.s3_bucket_name,
            asset_key=programs.s3_object_key,
            asset_sha256=programs.digest,
            scratch_device=SCRATCH_DEVICE,
            scratch=scratch,
            volume_key=volume_key.key_arn if volume_key else "",
            volume_tags=self._volume_tags,
        )
        # Batch takes only MIME multipart; `==BOUNDARY==` is the boundary of its own document.
        # https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
        user_data = ec2.MultipartUserData(parts_separator="//nextflow-batch//")
        user_data.add_part(
            ec2.MultipartBody.from_raw_body(
                content_type='text/cloud-boothook; charset="us-ascii"',
                body=programs.boothook,
            )
        )
        user_data.add_part(
            ec2.MultipartBody.from_raw_body(
                content_type='text/x-shellscript; charset="us-ascii"',
                body=WRITE_DOCUMENT.format(document.to_json()) + programs.boot,
            )
        )
        return user_data
