"""The job that runs `nextflow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from nextflow_batch.head_access import HeadAccess
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nextflow_batch.storage import Storage

#: Where the workers keep the S3 client that they mount into each task (`aws.batch.cliPath`).
AWS_CLI_PATH = "/opt/aws-cli/bin/aws"


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
        image_directory: Path,
        platform: ecr_assets.Platform,
        environment: str,
        storage: Storage,
        queues: Sequence[batch.IJobQueue],
        task_queue: batch.IJobQueue,
        name: str = "nextflow",
        vcpus: int = 2,
        memory_mib: int = 8_192,
        attempts: int = 3,
    ) -> None:
        """Define the head.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            image_directory: Folder of the Dockerfile.
            platform: For which processor the image is built.
            environment: Name that tasks are tagged with.
            storage: Where logs and work directories lie.
            queues: To which queues the head may submit.
            task_queue: Where tasks go unless the pipeline says otherwise.
            name: The job definition's name.
            vcpus: vCPUs of the head.
            memory_mib: Memory of the head in MiB.
            attempts: How often Batch starts a head that lost its host.
        """
        super().__init__(scope, construct_id)
        self.image = ecr_assets.DockerImageAsset(
            self, "Image", directory=str(image_directory), platform=platform
        )
        self.task_role = self._make_role("TaskRole", "Tasks of a pipeline", storage.task_access)
        self.role = self._make_role(
            "Role",
            "Nextflow itself, which submits the tasks",
            storage.head_access,
            HeadAccess(self, "BatchAccess", queues=queues, task_role=self.task_role),
        )
        container = batch.EcsEc2ContainerDefinition(
            self,
            "Container",
            image=ecs.ContainerImage.from_docker_image_asset(self.image),
            cpu=vcpus,
            memory=Size.mebibytes(memory_mib),
            job_role=self.role,
            environment=self._variables(environment, storage, task_queue),
            logging=ecs.LogDriver.aws_logs(stream_prefix="head", log_group=storage.log_group),
        )
        justify(container, {"*": "ecr:GetAuthorizationToken cannot be limited to a repository"})
        self.job_definition = batch.EcsJobDefinition(
            self,
            "JobDefinition",
            job_definition_name=name,
            container=container,
            propagate_tags=True,
            retry_attempts=attempts,
            retry_strategies=_retry_rules(),
            # A running head may be started again: its revision must survive the next deploy.
            skip_deregister_on_update=True,
        )

    def _make_role(
        self, construct_id: str, description: str, *policies: iam.IManagedPolicy
    ) -> iam.Role:
        return iam.Role(
            self,
            construct_id,
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description=description,
            managed_policies=list(policies),
        )

    def _variables(
        self, environment: str, storage: Storage, task_queue: batch.IJobQueue
    ) -> dict[str, str]:
        region = Stack.of(self).region
        return {
            "NF_LOGSDIR": storage.logs_uri,
            "NF_WORKDIR": storage.runs_uri,
            "NF_JOB_QUEUE": task_queue.job_queue_arn,
            "NF_JOB_ROLE": self.task_role.role_arn,
            "NF_LOG_GROUP": storage.log_group.log_group_name,
            "NF_AWS_CLI": AWS_CLI_PATH,
            "NF_ENVIRONMENT": environment,
            # Batch sets neither on EC2, and Nextflow's clients look at different ones.
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }


def _retry_rules() -> list[batch.RetryStrategy]:
    """Retry what a retry can mend; a failed pipeline is not among it.

    Batch retries when no rule matches, so the last rule must match everything.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    """
    return [
        batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
        batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.CANNOT_PULL_CONTAINER),
        batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_reason="DockerTimeout*")),
        batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_reason="*")),
    ]
