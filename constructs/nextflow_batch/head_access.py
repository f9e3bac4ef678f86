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


#: The tag of jobs that names their deployment: the head tags itself, its plugin each task.
TASK_TAG = "nextflow-deployment"


class HeadAccess(iam.ManagedPolicy):
    """The head's access to Batch, from the calls that Nextflow's awsbatch executor and it make.

    Definitions belong to the deployment by their name, jobs by a tag. Nextflow tags the job
    definitions that it registers (nextflow.io/createdAt and nextflow.io/version), so it needs
    batch:TagResource. docs/permissions.md lists each call.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        queues: Sequence[batch.IJobQueue],
        task_role: iam.IRole,
        privileged_tasks: bool,
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name that definitions begin with, and that tasks are tagged with.
            queues: Where the head may submit tasks.
            task_role: The one role that it may hand to tasks.
            privileged_tasks: Whether containers of tasks may have their host's privileges.
        """
        stack = Stack.of(scope)
        # No deployment's name has an underscore, so that none is the beginning of another's.
        definitions = stack.format_arn(
            service="batch", resource="job-definition", resource_name=f"nf-{deployment}_*"
        )
        jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
        tagging = {f"aws:RequestTag/{TASK_TAG}": deployment}
        own = {f"aws:ResourceTag/{TASK_TAG}": deployment}
        super().__init__(
            scope,
            construct_id,
            description="Nextflow's access to Batch",
            statements=[
                iam.PolicyStatement(
                    sid="RegisterTaskDefinitions",
                    actions=["batch:RegisterJobDefinition"],
                    resources=[definitions],
                    conditions=None
                    if privileged_tasks
                    else {"BoolIfExists": {"batch:Privileged": "false"}},
                ),
                iam.PolicyStatement(
                    sid="SubmitTasks",
                    actions=["batch:SubmitJob"],
                    # The service reference requires the job and the queue, and evaluates the
                    # definition too: all three must be allowed.
                    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
                    resources=[jobs, definitions, *(queue.job_queue_arn for queue in queues)],
                    conditions={"StringEquals": tagging},
                ),
                iam.PolicyStatement(
                    sid="TagDefinitions", actions=["batch:TagResource"], resources=[definitions]
                ),
                iam.PolicyStatement(
                    sid="TagJobs",
                    actions=["batch:TagResource"],
                    resources=[jobs],
                    # A job that is being submitted has no tags yet.
                    conditions={"StringEquals": tagging, "StringEqualsIfExists": own},
                ),
                iam.PolicyStatement(
                    sid="EndTasks",
                    actions=["batch:TerminateJob"],
                    resources=[jobs],
                    conditions={"StringEquals": own},
                ),
                iam.PolicyStatement(
                    sid="WatchTasks",
                    # None of these can be limited to a resource.
                    actions=[
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
                jobs: "a job's ARN is not known before it is submitted; its tag is the condition",
                "*": "Batch's describe and list calls cannot be limited to a resource",
            },
        )
