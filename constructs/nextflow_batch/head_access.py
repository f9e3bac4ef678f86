"""What the head may do: drive Batch for its tasks, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_batch as batch
    from constructs import Construct


class HeadAccess(iam.ManagedPolicy):
    """The head's access to Batch, from the calls that Nextflow's awsbatch executor and it make.

    Nextflow tags the job definitions that it registers (nextflow.io/createdAt and
    nextflow.io/version), and the head its own job with how the run ended, so they need
    batch:TagResource. docs/permissions.md lists each call.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Sequence[batch.IJobQueue],
        task_role: iam.IRole,
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            queues: Where the head may submit tasks.
            task_role: The one role that it may hand to tasks.
        """
        stack = Stack.of(scope)
        definitions = stack.format_arn(
            service="batch", resource="job-definition", resource_name="nf-*"
        )
        jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
        super().__init__(
            scope,
            construct_id,
            description="Nextflow's access to Batch",
            statements=[
                iam.PolicyStatement(
                    sid="RegisterTaskDefinitions",
                    actions=["batch:RegisterJobDefinition"],
                    resources=[definitions],
                ),
                iam.PolicyStatement(
                    sid="SubmitTasks",
                    actions=["batch:SubmitJob"],
                    # The service reference requires the job and the queue, and evaluates the
                    # definition too: all three must be allowed.
                    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
                    resources=[jobs, definitions, *(queue.job_queue_arn for queue in queues)],
                ),
                iam.PolicyStatement(
                    sid="TagTasksAndDefinitions",
                    actions=["batch:TagResource"],
                    resources=[definitions, jobs],
                ),
                iam.PolicyStatement(
                    sid="EndTasks", actions=["batch:TerminateJob"], resources=[jobs]
                ),
                iam.PolicyStatement(
                    sid="WatchTasks",
                    # None of these can be limited to a resource.
                    actions=[
                        "batch:DescribeComputeEnvironments",
                        "batch:DescribeJobDefinitions",
                        "batch:DescribeJobQueues",
                        "batch:DescribeJobs",
                        # A later attempt looks for tasks that the one before left running.
                        "batch:ListJobs",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="HandRoleToTasks",
                    actions=["iam:PassRole"],
                    resources=[task_role.role_arn],
                    conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                ),
            ],
        )
        justify(
            self,
            {
                definitions: "Nextflow derives its definitions' names from the tasks' images",
                jobs: "a job's ARN is not known before it is submitted",
                "*": "Batch's describe and list calls cannot be limited to a resource",
            },
        )
