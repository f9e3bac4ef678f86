"""The job definition of the head: what `aws batch submit-job` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_batch as batch

if TYPE_CHECKING:
    from constructs import Construct

    from nextflow_batch.head import Head


class HeadJobDefinition(batch.EcsJobDefinition):
    """A job definition whose jobs are retried when they lose their host.

    Attributes:
        arn_without_revision: ARN of all its revisions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        head: Head,
        shared: bool,
        container: batch.IEcsContainerDefinition,
    ) -> None:
        """Define it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            head: Its name, how often Batch starts the head, and for how long.
            shared: Whether a queue that it may be submitted to has shares.
            container: What runs.
        """
        super().__init__(
            scope,
            construct_id,
            job_definition_name=head.job_definition,
            container=container,
            propagate_tags=True,
            retry_attempts=head.attempts,
            retry_strategies=_retry_rules(),
            # A queue with shares takes no job without a priority, be it here or in the request.
            # https://github.com/hashicorp/terraform-provider-aws/issues/31226
            scheduling_priority=0 if shared else None,
            # https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html
            timeout=Duration.minutes(head.timeout_minutes) if head.timeout_minutes else None,
            # A running head may be started again: its revision must survive the next deploy.
            skip_deregister_on_update=True,
        )
        self.arn_without_revision = Stack.of(scope).format_arn(
            service="batch",
            resource="job-definition",
            resource_name=head.job_definition,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )


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
