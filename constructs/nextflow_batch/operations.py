"""Eyes and hands of a deployment: it tells people, shows itself, tidies up, and brakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.alarms import Alarms
from nextflow_batch.arguments import check
from nextflow_batch.batch_events import BatchEvents
from nextflow_batch.budget import Budget
from nextflow_batch.dashboard import Dashboard
from nextflow_batch.janitors import Janitors
from nextflow_batch.names import DeploymentName, JobDefinitionName, QueueName
from nextflow_batch.notifications import Notifications
from nextflow_batch.operations_options import OperationsOptions
from nextflow_batch.programs import bundled_folder
from nextflow_batch.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aws_cdk import aws_kms as kms


class Operations(Construct):
    """Notifications, janitors, alarms, a dashboard and, on demand, a budget.

    It knows queues, environments and the head's job definition by name, so that they may come and
    go: a reference from another stack would hold them.

    Attributes:
        notifications: The topic and what could not be delivered.
        events: What Batch tells of the deployment.
        janitors: The functions.
        alarms: What needs a person.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        queues: Sequence[str],
        environments: Sequence[str],
        head_definition: str,
        storage: Storage,
        options: OperationsOptions | None = None,
        key: kms.IKey | None = None,
        code: Path | None = None,
    ) -> None:
        """Define all of it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: Name of the deployment.
            queues: Names of its queues.
            environments: Names of its compute environments, as `Compute` has them.
            head_definition: Name of the head's job definition.
            storage: Its bucket and logs.
            options: Who is told what, and which functions there are.
            key: Encrypts topic and undelivered events; EventBridge and CloudWatch must be allowed
                to use it, as they may use an `EncryptionKey`.
            code: Folder of the functions; the wheel's own when not given.

        Raises:
            ArgumentsError: A name is not allowed.
        """
        check(
            "Operations",
            deployment=(DeploymentName, deployment),
            queues=(list[QueueName], list(queues)),
            head_definition=(JobDefinitionName, head_definition),
            storage=(InstanceOf[Storage], storage),
            options=(InstanceOf[OperationsOptions] | None, options),
        )
        super().__init__(scope, construct_id)
        options = options or OperationsOptions()
        self.notifications = Notifications(self, "Notifications", email=options.email, key=key)
        self.events = BatchEvents(
            self,
            "Events",
            queues=[self._arn("job-queue", name) for name in queues],
            head_definition=self._arn("job-definition", head_definition),
        )
        self.events.notify(self.notifications, successes=options.runs == "all")
        self.janitors = Janitors(
            self,
            "Janitors",
            deployment=deployment,
            queues=queues,
            head_definition=head_definition,
            storage=storage,
            code=code or bundled_folder("janitors"),
        )
        self._make_janitors(options)
        self.alarms = Alarms(
            self,
            "Alarms",
            deployment=deployment,
            events=self.events,
            janitors=self.janitors,
            notifications=self.notifications,
        )
        Dashboard(
            self,
            "Dashboard",
            deployment=deployment,
            environments=environments,
            events=self.events,
            alarms=self.alarms.all,
            counts_jobs=options.count_jobs,
        )
        if options.monthly_budget_usd and options.email:
            Budget(
                self,
                "Budget",
                deployment=deployment,
                usd=options.monthly_budget_usd,
                email=options.email,
            )

    def _make_janitors(self, options: OperationsOptions) -> None:
        self.janitors.count_lost_hosts(self.events)
        if options.stop_orphaned_tasks:
            self.janitors.stop_orphaned_tasks(self.events)
        if options.delete_stray_volumes:
            self.janitors.delete_stray_volumes()
        if options.deregister_stale_definitions:
            self.janitors.deregister_stale_definitions()
        if options.delete_old_head_images:
            self.janitors.delete_old_head_images()
        if options.count_jobs:
            self.janitors.count_jobs()
        if options.max_refused_boots is not None:
            self.janitors.brake(self.notifications, refusals=options.max_refused_boots)

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="batch",
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
