"""The container of the head: its image's variables, secrets, size and log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecs as ecs

from nextflow_batch.acknowledgements import acknowledge
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_ecr_assets as ecr_assets
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

    from nextflow_batch.head import Head
    from nextflow_batch.instance_types import Resources
    from nextflow_batch.storage import Storage

#: Where the workers keep the S3 client that they mount into each task (`aws.batch.cliPath`).
AWS_CLI_PATH = "/opt/aws-cli/bin/aws"


class HeadContainer(batch.EcsEc2ContainerDefinition):
    """What a head starts with; docs/head.md has a table of the variables."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        head: Head,
        image: ecr_assets.DockerImageAsset,
        role: iam.IRole,
        task_role: iam.IRole,
        deployment: str,
        storage: Storage,
        queues: Mapping[str, batch.IJobQueue],
        largest_task: Resources | None,
        largest_by_queue: Mapping[str, Resources],
        registries: str,
        share: str | None,
        secrets: Mapping[str, secretsmanager.ISecret | None],
    ) -> None:
        """Define it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            head: Its size, and where its tasks go.
            image: The image.
            role: What the head may do.
            task_role: What each task may do.
            deployment: Name that tasks are tagged with.
            storage: Where logs and work directories lie.
            queues: The queues by name.
            largest_task: What a task may ask for; without a limit when not given.
            largest_by_queue: The same of queues for accelerators and labels, by their names.
            registries: Where copies of images are, by registry; empty without copies.
            share: The share of the tasks of a run that names none, where queues have shares.
            secrets: By the variables that they fill.
        """
        queue = queues[head.task_queue]
        region = Stack.of(scope).region
        super().__init__(
            scope,
            construct_id,
            image=ecs.ContainerImage.from_docker_image_asset(image),
            cpu=head.vcpus,
            memory=Size.mebibytes(head.memory_mib),
            job_role=role,
            environment={
                "NF_LOGSDIR": storage.logs_uri,
                "NF_WORKDIR": storage.runs_uri,
                **({"NF_STORE_DIRS": ",".join(storage.store_uris)} if storage.store_uris else {}),
                "NF_JOB_QUEUE": queue.job_queue_arn,
                "NF_JOB_ROLE": task_role.role_arn,
                "NF_LOG_GROUP": storage.log_group.log_group_name,
                "NF_AWS_CLI": AWS_CLI_PATH,
                "NF_DEPLOYMENT": deployment,
                # Batch sets neither on EC2, and Nextflow's clients look at different ones.
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                **({"NF_PRIVILEGED_TASKS": "true"} if head.privileged_tasks else {}),
                **_later_attempts(head, queues),
                **_routes(head, queues),
                **_limits(largest_task),
                **_queue_limits(largest_by_queue, queues),
                **({"NF_REGISTRIES": registries} if registries else {}),
                **({"NF_SHARE": share} if share else {}),
            },
            # Filled in by the ECS agent, so that no template and no job shows their values.
            secrets={
                name: batch.Secret.from_secrets_manager(secret)
                for name, secret in secrets.items()
                if secret
            }
            or None,
            logging=ecs.LogDriver.aws_logs(stream_prefix="head", log_group=storage.log_group),
            # What a run writes lies in the image's volumes, docs/adr/0009-the-head-image.md
            readonly_root_filesystem=True,
        )
        justify(self, {"*": "ecr:GetAuthorizationToken cannot be limited to a repository"})
        acknowledge(
            self,
            {"IAMNoInlinePolicy": "the ECS agent's policy belongs to one role and goes with it"},
        )


def _later_attempts(head: Head, queues: Mapping[str, batch.IJobQueue]) -> dict[str, str]:
    if head.on_demand_queue is None:
        return {}
    return {
        "NF_ON_DEMAND_QUEUE": queues[head.on_demand_queue].job_queue_arn,
        "NF_SPOT_ATTEMPTS": str(head.spot_attempts or 1),
    }


def _routes(head: Head, queues: Mapping[str, batch.IJobQueue]) -> dict[str, str]:
    labels = " ".join(
        f"{label}={queues[name].job_queue_arn}" for label, name in head.label_queues.items()
    )
    return {
        **({"NF_GPU_QUEUE": queues[head.gpu_queue].job_queue_arn} if head.gpu_queue else {}),
        **({"NF_LABEL_QUEUES": labels} if labels else {}),
    }


def _limits(largest_task: Resources | None) -> dict[str, str]:
    if largest_task is None:
        return {}
    return {
        "NF_MAX_CPUS": str(largest_task.vcpus),
        "NF_MAX_MEMORY": str(largest_task.memory_mib),
    }


def _queue_limits(
    largest: Mapping[str, Resources], queues: Mapping[str, batch.IJobQueue]
) -> dict[str, str]:
    limits = " ".join(
        f"{queues[name].job_queue_arn}={each.vcpus}:{each.memory_mib}"
        for name, each in largest.items()
    )
    return {"NF_QUEUE_LIMITS": limits} if limits else {}
