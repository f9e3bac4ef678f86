"""What every worker is: its role, its launch template and the programs that it runs at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aws_cdk import Stack, Tags
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check, refuse
from nextflow_batch.launch_template import WorkerLaunchTemplate
from nextflow_batch.names import DeploymentName
from nextflow_batch.problem import Problem
from nextflow_batch.programs import bundled_folder
from nextflow_batch.scratch import SCRATCH_DEVICE, Scratch
from nextflow_batch.scratch_access import ScratchAccess
from nextflow_batch.storage import Storage
from nextflow_batch.tags import DEPLOYMENT_TAG
from nextflow_batch.tags import Tags as VolumeTags
from nextflow_batch.worker_document import WorkerDocument
from nextflow_batch.worker_options import WorkerOptions
from nextflow_batch.worker_programs import WorkerPrograms
from nextflow_batch.worker_role import WorkerRole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_cdk import aws_kms as kms

TaskS3Client = Literal["own", "aws-cli"]


class Worker(Construct):
    """The launch template and the role of all workers of a deployment.

    A worker joins the cluster only after it has proved itself; what it runs is in the folder of
    its programs, which travels as one content-hashed asset.

    Attributes:
        programs: What a worker runs, as an asset.
        role: The instances' role.
        launch_template: How they start.
        options: What else the site has chosen.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        storage: Storage,
        scratch: Scratch,
        options: WorkerOptions | None = None,
        tags: Mapping[str, str] | None = None,
        key: kms.IKey | None = None,
        task_s3_client: TaskS3Client = "own",
        programs: Path | None = None,
        binaries: Mapping[str, Path] | None = None,
    ) -> None:
        """Define role and launch template.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name that the volumes are tagged with.
            storage: Holds the log in which a worker says why it did not join.
            scratch: The scratch disk.
            options: What else a site may choose.
            tags: Further tags of the volumes by which the disk grows.
            key: Encrypts the volumes; the account's EBS key when not given.
            task_s3_client: Which `aws` tasks move files with: the wheel's, or the AWS CLI that each
                worker fetches from AWS.
            programs: Folder of what a worker runs, with `boothook.sh` and `boot.sh`; the wheel's
                own when not given.
            binaries: Folders of what is built, by name, each with one for each kind of worker:
                `aws_client`, what the programs call AWS with (MACHINE/aws-client), and `task_s3`,
                the tasks' S3 client (MACHINE/aws); likewise.

        Raises:
            ArgumentsError: The name, the disk or a tag is not allowed.
            ValueError: A folder of programs is neither given nor in the installed library.
        """
        check(
            "Worker",
            deployment=(DeploymentName, deployment),
            storage=(InstanceOf[Storage], storage),
            scratch=(InstanceOf[Scratch], scratch),
            options=(InstanceOf[WorkerOptions] | None, options),
            tags=(VolumeTags, dict(tags or {})),
            task_s3_client=(TaskS3Client, task_s3_client),
        )
        names = ["aws_client", *(["task_s3"] if task_s3_client == "own" else [])]
        if binaries is None:
            binaries = {name: bundled_folder(name) for name in names}
        refuse(
            "Worker",
            (
                Problem(("binaries",), f"does not contain {name}: must contain {', '.join(names)}")
                for name in names
                if name not in binaries
            ),
        )
        super().__init__(scope, construct_id)
        self.options = options = options or WorkerOptions()
        self.programs = WorkerPrograms(
            self,
            "Programs",
            directory=programs or bundled_folder("worker"),
            binaries={name: binaries[name] for name in names},
        )
        self.role = WorkerRole(self, "Role", options=options)
        storage.grant_worker(self.role)
        self.role.add_managed_policy(
            ScratchAccess(self, "ScratchAccess", deployment=deployment, scratch=scratch, key=key)
        )
        self.programs.grant_fetch(self.role)
        self.launch_template = WorkerLaunchTemplate(
            self,
            "LaunchTemplate",
            document=WorkerDocument(
                region=Stack.of(self).region,
                deployment=deployment,
                log_group=storage.log_group.log_group_name,
                asset_bucket=self.programs.s3_bucket_name,
                asset_key=self.programs.s3_object_key,
                asset_sha256=self.programs.digest,
                scratch_device=SCRATCH_DEVICE,
                scratch=scratch,
                volume_key=key.key_arn if key else "",
                volume_tags=dict(tags or {}),
            ),
            programs=self.programs,
            scratch=scratch,
            root_size_gib=options.root_size_gib,
            key=key,
        )
        # The tag that ScratchAccess goes by must be on the first volume too.
        Tags.of(self.launch_template).add(DEPLOYMENT_TAG, deployment)
