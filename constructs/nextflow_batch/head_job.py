"""The job that runs `nextflow`: its image, roles and job definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check
from nextflow_batch.head import Head
from nextflow_batch.head_access import HeadAccess
from nextflow_batch.head_container import HeadContainer
from nextflow_batch.job_definition import HeadJobDefinition
from nextflow_batch.names import DeploymentName
from nextflow_batch.programs import bundled_folder
from nextflow_batch.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_cdk import aws_batch as batch
    from aws_cdk import aws_secretsmanager as secretsmanager

    from nextflow_batch.instance_types import Resources
    from nextflow_batch.shares import Shares

_PLATFORMS = {
    "arm64": ecr_assets.Platform.LINUX_ARM64,
    "x86_64": ecr_assets.Platform.LINUX_AMD64,
}


class HeadJob(Construct):
    """Image, roles and job definition of the head, and the role of the tasks that it submits.

    Attributes:
        image: The image, built and pushed by `cdk deploy`.
        role: What the head may do.
        task_role: What each task may do.
        job_definition: What `aws batch submit-job` names.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        head: Head,
        deployment: str,
        storage: Storage,
        queues: Mapping[str, batch.IJobQueue],
        largest_task: Resources | None = None,
        largest_by_queue: Mapping[str, Resources] | None = None,
        git_secret: secretsmanager.ISecret | None = None,
        seqera_secret: secretsmanager.ISecret | None = None,
        registries: str = "",
        shares: Shares | None = None,
        image_directory: Path | None = None,
    ) -> None:
        """Define the head.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            head: Its size, its name, its queue and those of its tasks.
            deployment: Name that tasks are tagged with.
            storage: Where logs and work directories lie.
            queues: The queues by name, those of `head` among them. The head may submit to all but
                its own, if it has one.
            largest_task: What a task may ask for; Nextflow asks for no more, whatever the pipeline
                says. Unlimited when not given.
            largest_by_queue: The same of queues for accelerators and labels, by their names;
                `largest_task` of those that are not given.
            git_secret: Holds Nextflow's scm file, for private Git repositories
                (https://www.nextflow.io/docs/latest/git.html).
            seqera_secret: Holds an access token of Seqera Platform.
            registries: Where copies of images are, such as a `RegistryCache`'s variable; none when
                empty.
            shares: How the queues of tasks are shared, if they are.
            image_directory: Folder of the Dockerfile; the wheel's own when not given.

        Raises:
            ArgumentsError: A name or a number is not allowed.
        """
        check(
            "HeadJob",
            head=(InstanceOf[Head], head),
            deployment=(DeploymentName, deployment),
            storage=(InstanceOf[Storage], storage),
        )
        super().__init__(scope, construct_id)
        self.image = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(image_directory or bundled_folder("head")),
            platform=_PLATFORMS[head.architecture],
        )
        self.task_role = self._make_role("TaskRole", "Tasks of a pipeline")
        storage.grant_task(self.task_role)
        self.role = self._make_role("Role", "Nextflow itself, which submits the tasks")
        storage.grant_head(self.role)
        self.role.add_managed_policy(
            HeadAccess(
                self,
                "BatchAccess",
                deployment=deployment,
                queues=[queue for name, queue in queues.items() if name != head.queue],
                task_role=self.task_role,
                privileged_tasks=head.privileged_tasks,
            )
        )
        self.job_definition = HeadJobDefinition(
            self,
            "JobDefinition",
            head=head,
            shared=shares is not None,
            container=HeadContainer(
                self,
                "Container",
                head=head,
                image=self.image,
                role=self.role,
                task_role=self.task_role,
                deployment=deployment,
                storage=storage,
                queues=queues,
                largest_task=largest_task,
                largest_by_queue=largest_by_queue or {},
                registries=registries,
                share=shares.default if shares else None,
                secrets={"NF_SCM": git_secret, "TOWER_ACCESS_TOKEN": seqera_secret},
            ),
        )

    def _make_role(self, construct_id: str, description: str) -> iam.Role:
        return iam.Role(
            self,
            construct_id,
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description=description,
        )
