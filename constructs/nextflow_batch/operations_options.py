"""What a site may choose about who is told what, what is tidied up, and when to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.names import Email
from nextflow_batch.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class OperationsOptions(Arguments):
    """Notifications, dashboard, alarms, budget, and functions that tidy up.

    Attributes:
        email: Who is told; must confirm the subscription.
        runs: Of which runs people are told.
        stop_orphaned_tasks: Whether tasks are stopped whose head has ended for good.
        delete_stray_volumes: Whether volumes are deleted that crashed workers left.
        deregister_stale_definitions: Whether job definitions go that were not used for long.
        delete_old_head_images: Whether images of heads go that no job definition names.
        count_jobs: Whether jobs and vCPUs are counted for the dashboard.
        max_refused_boots: After how many refused boots in a row a compute environment is disabled;
            never when not given.
        monthly_budget_usd: Of what the deployment costs in a month; none when not given.
    """

    email: Email | None = Field(
        default=None,
        description="Address that is notified of runs, blocked queues and alarms; it must confirm"
        " the subscription",
    )
    runs: Literal["all", "failed"] = Field(
        default="all",
        description="Which runs are notified: each start and end, or failures only",
    )
    stop_orphaned_tasks: bool = Field(
        default=True,
        description="Whether the tasks of a head that has ended for good are stopped",
    )
    delete_stray_volumes: bool = Field(
        default=True,
        description="Whether volumes of this deployment that are attached to no instance, and older"
        " than an hour, are deleted every hour",
    )
    deregister_stale_definitions: bool = Field(
        default=True,
        description="Whether job definitions of tasks that are older than 30 days, and of which"
        " Batch knows no job, are deregistered every day",
    )
    delete_old_head_images: bool = Field(
        default=True,
        description="Whether images of heads that are older than 30 days, and that no job"
        " definition names any more, are deleted every day, except the last two",
    )
    count_jobs: bool = Field(
        default=True,
        description="Whether jobs and vCPUs are counted every five minutes, for the dashboard",
    )
    max_refused_boots: int | None = Field(
        default=10,
        ge=3,
        le=1_000,
        description="After how many instances in a row that refuse to join a compute environment is"
        " disabled; null: never",
    )
    monthly_budget_usd: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="USD a month of resources with this deployment's tag; `email` is told at 80 %"
        " and 100 %, and when the forecast exceeds it; activate the cost allocation tag"
        " `nextflow-batch:deployment` in the payer account",
    )

    def conflicts(self) -> Iterator[Problem]:
        """A budget that nobody is told of."""
        if self.monthly_budget_usd is not None and not self.email:
            text = f"{self.monthly_budget_usd} is not allowed without email: set it, too"
            yield Problem(("monthly_budget_usd",), text)
