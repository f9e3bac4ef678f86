"""The functions that tidy up behind a deployment, watch it and, at need, stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from constructs import Construct

from nextflow_batch.acknowledgements import acknowledge
from nextflow_batch.head_access import TASK_TAG
from nextflow_batch.janitor import Janitor
from nextflow_batch.tags import DEPLOYMENT_TAG
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aws_cdk import aws_kms as kms

    from nextflow_batch.batch_events import BatchEvents
    from nextflow_batch.notifications import Notifications
    from nextflow_batch.storage import Storage

_QUALIFIER = DefaultStackSynthesizer.DEFAULT_QUALIFIER
_NO_RESOURCE = "Batch's describe and list calls cannot be limited to a resource"
#: Of all functions, by the rules of the packs and of checkov.
_REASONS = {
    ("LambdaDLQ", "CKV_AWS_116"): "an alarm counts errors; the next event or day repeats the work",
    ("LambdaConcurrency", "CKV_AWS_115"): "it would be taken from the account; a new one has ten",
    ("LambdaInsideVPC", "CKV_AWS_117"): "functions call AWS's APIs alone, and read no data",
    ("CKV_AWS_173",): "variables are names, none is secret",
    ("W3005",): "the CDK lets a function depend on its role, which the function names already",
}
#: Not part of a function.
_LEFT_OUT = ["__pycache__", "*.pyc", ".ruff_cache", ".mypy_cache"]


class Janitors(Construct):
    """Functions that are made one by one.

    Each role may do what its function calls, to what belongs to the deployment.

    Attributes:
        made: The functions, by their construct's name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        queues: Sequence[str],
        head_definition: str,
        storage: Storage,
        code: Path,
    ) -> None:
        """Take the deployment; no function is made yet.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name of the deployment, the value of its tags.
            queues: Names of its queues.
            head_definition: Name of the head's job definition.
            storage: Where its logs are.
            code: The folder of the functions.
        """
        super().__init__(scope, construct_id)
        self.made: dict[str, Janitor] = {}
        self._deployment = deployment
        self._storage = storage
        self._code = lambda_.Code.from_asset(str(code), exclude=_LEFT_OUT)
        for rules, reason in _REASONS.items():
            acknowledge(self, dict.fromkeys(rules, reason))
        self._jobs = {"QUEUES": ",".join(queues), "HEAD": head_definition}

    def stop_orphaned_tasks(self, events_of: BatchEvents) -> None:
        """Stop the tasks of heads that have ended for good, by the events of their ends."""
        stack = Stack.of(self)
        jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
        logs_key = self._storage.folders.logs
        records = self._storage.bucket.arn_for_objects(f"{logs_key}/run-*/run.json")
        made = self._make(
            "OrphanedTasks",
            "orphaned_tasks",
            "Stops the tasks of a head that has ended for good",
            {**self._jobs, "LOGS": self._storage.logs_uri},
            [
                _statement("SeeJobs", ["batch:DescribeJobs", "batch:ListJobs"], "*"),
                _statement(
                    "StopOwnTasks",
                    ["batch:TerminateJob"],
                    jobs,
                    {"StringEquals": {f"aws:ResourceTag/{TASK_TAG}": self._deployment}},
                ),
                _statement(
                    "FindRecord",
                    ["s3:ListBucket"],
                    self._storage.bucket.bucket_arn,
                    {"StringLike": {"s3:prefix": f"{logs_key}/run-*/run.json"}},
                ),
                _statement("ReadRecord", ["s3:GetObject"], records),
                *_key_statements(self._storage.key, "s3", ["kms:Decrypt"]),
            ],
            wildcards={
                "*": _NO_RESOURCE,
                jobs: "a job's ARN is not known before; its tag is the condition",
                records: "each run has a record",
            },
        )
        for rule in (events_of.run_finished, events_of.run_failed):
            rule.add_target(targets.LambdaFunction(made.function))

    def delete_stray_volumes(self) -> None:
        """Delete volumes without an instance, every hour."""
        stack = Stack.of(self)
        volumes = stack.format_arn(service="ec2", resource="volume", resource_name="*")
        made = self._make(
            "StrayVolumes",
            "stray_volumes",
            "Deletes volumes that a crashed worker has left",
            {},
            [
                _statement("SeeVolumes", ["ec2:DescribeVolumes"], "*"),
                _statement("DeleteOwnVolumes", ["ec2:DeleteVolume"], volumes, self._tagged),
            ],
            wildcards={
                "*": "EC2's describe calls cannot be limited to a resource",
                volumes: "the deployment's tag is the condition",
            },
        )
        self._schedule(made, Duration.hours(1))

    def deregister_stale_definitions(self) -> None:
        """Deregister job definitions of tasks that were not used for long, every day."""
        stack = Stack.of(self)
        own = f"nf-{self._deployment}_*"
        definitions = stack.format_arn(
            service="batch", resource="job-definition", resource_name=own
        )
        made = self._make(
            "StaleDefinitions",
            "stale_definitions",
            "Deregisters job definitions that were not used for long",
            self._jobs,
            [
                _statement("SeeJobs", ["batch:DescribeJobDefinitions", "batch:ListJobs"], "*"),
                _statement(
                    "DeregisterOwnDefinitions", ["batch:DeregisterJobDefinition"], definitions
                ),
            ],
            wildcards={
                "*": _NO_RESOURCE,
                definitions: "Nextflow derives its definitions' names from the tasks' images",
            },
        )
        self._schedule(made, Duration.days(1))

    def delete_old_head_images(self) -> None:
        """Delete images of heads that no job definition names any more, every day."""
        stack = Stack.of(self)
        # https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml
        qualifier = stack.synthesizer.bootstrap_qualifier or _QUALIFIER
        name = f"cdk-{qualifier}-container-assets-{stack.account}-{stack.region}"
        repository = stack.format_arn(service="ecr", resource="repository", resource_name=name)
        made = self._make(
            "OldHeadImages",
            "old_head_images",
            "Deletes images of heads that no job definition names any more",
            {**self._jobs, "REPOSITORY": name},
            [
                _statement("SeeJobs", ["batch:DescribeJobDefinitions", "batch:ListJobs"], "*"),
                _statement(
                    "DeleteImages", ["ecr:BatchDeleteImage", "ecr:DescribeImages"], repository
                ),
            ],
            wildcards={"*": _NO_RESOURCE},
        )
        self._schedule(made, Duration.days(1))

    def count_jobs(self) -> None:
        """Count jobs by state and vCPUs by environment, every five minutes."""
        actions = [
            *("batch:DescribeComputeEnvironments", "batch:DescribeJobQueues", "batch:ListJobs")
        ]
        made = self._make(
            "Census",
            "census",
            "Counts jobs by state and vCPUs by environment",
            self._jobs,
            [_statement("SeeJobs", actions, "*")],
            wildcards={"*": _NO_RESOURCE},
        )
        self._schedule(made, Duration.minutes(5))

    def count_lost_hosts(self, events_of: BatchEvents) -> None:
        """Count jobs that have lost their instances."""
        made = self._make("LostHosts", "lost_hosts", "Counts jobs that lost their instances", {})
        events_of.host_lost.add_target(targets.LambdaFunction(made.function))

    def brake(self, notifications: Notifications, *, refusals: int) -> None:
        """Disable a compute environment after refused boots in a row.

        Args:
            notifications: Who is told.
            refusals: How many.
        """
        stack = Stack.of(self)
        environments = stack.format_arn(
            service="batch", resource="compute-environment", resource_name="*"
        )
        group, topic = self._storage.log_group, notifications.topic
        made = self._make(
            "Brake",
            "brake",
            "Disables a compute environment whose instances refuse to join",
            {
                "LOG_GROUP": group.log_group_name,
                "TOPIC": topic.topic_arn,
                "REFUSALS": str(refusals),
            },
            [
                _statement("SeeEnvironments", ["batch:DescribeComputeEnvironments"], "*"),
                _statement(
                    "DisableOwnEnvironments",
                    ["batch:UpdateComputeEnvironment"],
                    environments,
                    self._tagged,
                ),
                _statement("ReadBoots", ["logs:FilterLogEvents"], group.log_group_arn),
                _statement("TellPeople", ["sns:Publish"], topic.topic_arn),
                *_key_statements(self._storage.key, "sns", ["kms:Decrypt", "kms:GenerateDataKey"]),
            ],
            wildcards={"*": _NO_RESOURCE, environments: "the deployment's tag is the condition"},
        )
        logs.SubscriptionFilter(
            made,
            "RefusedBoots",
            log_group=group,
            destination=destinations.LambdaDestination(made.function),
            filter_pattern=logs.FilterPattern.string_value("$.event", "=", "boot refused"),
        )

    @property
    def _tagged(self) -> dict[str, dict[str, str]]:
        return {"StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": self._deployment}}

    def _make(
        self,
        construct_id: str,
        module: str,
        description: str,
        variables: dict[str, str],
        statements: Sequence[iam.PolicyStatement] = (),
        *,
        wildcards: dict[str, str] | None = None,
    ) -> Janitor:
        made = Janitor(
            self,
            construct_id,
            module=module,
            description=description,
            code=self._code,
            storage=self._storage,
            variables={"DEPLOYMENT": self._deployment, **variables},
            statements=statements,
        )
        justify(made, wildcards or {})
        self.made[construct_id] = made
        return made

    def _schedule(self, janitor: Janitor, every: Duration) -> None:
        events.Rule(
            janitor,
            "Schedule",
            schedule=events.Schedule.rate(every),
            targets=[targets.LambdaFunction(janitor.function)],
        )


def _statement(
    sid: str, actions: list[str], resource: str, conditions: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, actions=actions, resources=[resource], conditions=conditions
    )


def _key_statements(
    key: kms.IKey | None, service: str, actions: list[str]
) -> list[iam.PolicyStatement]:
    if key is None:
        return []
    stack = Stack.of(key)
    through = {"StringEquals": {"kms:ViaService": f"{service}.{stack.region}.{stack.url_suffix}"}}
    return [_statement("UseKey", actions, key.key_arn, through)]
