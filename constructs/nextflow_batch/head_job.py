"""The job that runs `nextflow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check
from nextflow_batch.head_access import HeadAccess
from nextflow_batch.head_size import Attempts, HeadMemory, HeadVcpus
from nextflow_batch.names import DeploymentName, JobDefinitionName
from nextflow_batch.storage import Storage
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aws_cdk import aws_secretsmanager as secretsmanager

    from nextflow_batch.instance_types import Resources

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
        on_demand_queue: batch.IJobQueue | None = None,
        spot_attempts: int = 1,
        largest_task: Resources | None = None,
        git_secret: secretsmanager.ISecret | None = None,
        seqera_secret: secretsmanager.ISecret | None = None,
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
            on_demand_queue: Where a task's later attempts go; to the task queue when not given.
            spot_attempts: How many of a task's attempts stay in the task queue before that.
            largest_task: What a task may ask for; Nextflow asks for no more, whatever the pipeline
                says. Unlimited when not given.
            git_secret: Holds Nextflow's scm file, for private Git repositories
                (https://www.nextflow.io/docs/latest/git.html).
            seqera_secret: Holds an access token of Seqera Platform.
            name: The job definition's name.
            vcpus: vCPUs of the head.
            memory_mib: Memory of the head in MiB.
            attempts: How often Batch starts a head that lost its host.

        Raises:
            ArgumentsError: A name or a number is not allowed.
        """
        check(
            "HeadJob",
            environment=(DeploymentName, environment),
            storage=(InstanceOf[Storage], storage),
            name=(JobDefinitionName, name),
            vcpus=(HeadVcpus, vcpus),
            memory_mib=(HeadMemory, memory_mib),
            attempts=(Attempts, attempts),
            spot_attempts=(Attempts, spot_attempts),
        )
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
            environment={
                **self._variables(environment, storage, task_queue),
                **_later_attempts(on_demand_queue, spot_attempts),
                **_limits(largest_task),
            },
            secrets=_secrets(NF_SCM=git_secret, TOWER_ACCESS_TOKEN=seqera_secret) or None,
            logging=ecs.LogDriver.aws_logs(stream_prefix="head", log_group=storage.log_group),
            # What a run writes lies in the image's volumes, docs/adr/0009-the-head-image.md
            readonly_root_filesystem=True,
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


def _later_attempts(queue: batch.IJobQueue | None, spot_attempts: int) -> dict[str, str]:
    if queue is None:
        return {}
    return {"NF_ON_DEMAND_QUEUE": queue.job_queue_arn, "NF_SPOT_ATTEMPTS": str(spot_attempts)}


def _limits(largest_task: Resources | None) -> dict[str, str]:
    if largest_task is None:
        return {}
    return {
        "NF_MAX_CPUS": str(largest_task.vcpus),
        "NF_MAX_MEMORY": str(largest_task.memory_mib),
    }


def _secrets(**secrets: secretsmanager.ISecret | None) -> dict[str, batch.Secret]:
    """Variables that the ECS agent fills in, so that no template and no job shows their values."""
    return {
        name: batch.Secret.from_secrets_manager(secret)
        for name, secret in secrets.items()
        if secret
    }


def _retry_rules() -> list[batch.RetryStrategy]:
    """Retry what a retry can mend; a failed pipeline is not among it.

    The reasons are the ECS agent's names of its errors. CannotPull begins four: of the image, its
    manifest, ECR's and other registries' credentials. DockerTimeoutError is said when an image, a
    container's creation, start or end takes too long, AGENT when the agent is not connected. What
    a container cannot be created or started for (CannotCreateContainerError,
    CannotStartContainerError, ResourceInitializationError) is the same on the next host: a missing
    secret, role or log group.
    https://github.com/aws/amazon-ecs-agent/blob/master/agent/dockerclient/dockerapi/errors.go
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html

    Batch retries when no rule matches, so the last rule must match everything; five are allowed.
    https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
    """
    lost_host = batch.Reason.SPOT_INSTANCE_RECLAIMED
    reasons = ("CannotPull*", "DockerTimeoutError*", "AGENT")
    return [
        batch.RetryStrategy.of(batch.Action.RETRY, lost_host),
        *(
            batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_reason=reason))
            for reason in reasons
        ),
        batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_reason="*")),
    ]
