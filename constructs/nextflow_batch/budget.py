"""A monthly budget of what a deployment costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_budgets as budgets

from nextflow_batch.tags import DEPLOYMENT_TAG

if TYPE_CHECKING:
    from constructs import Construct

#: Kinds of notifications and per cent of the budget at which each is sent.
_THRESHOLDS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class Budget(budgets.CfnBudget):
    """Counts what has the deployment's tag, and tells people before the bill does.

    Billing knows a tag only after it was activated as a cost allocation tag in the payer account:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: str, usd: int, email: str
    ) -> None:
        """Define it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: The value of the tag.
            usd: USD a month.
            email: Who is told.
        """
        super().__init__(
            scope,
            construct_id,
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
                # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html
                cost_filters={"TagKeyValue": [f"user:{DEPLOYMENT_TAG}${deployment}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=per_cent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[
                        budgets.CfnBudget.SubscriberProperty(
                            subscription_type="EMAIL", address=email
                        )
                    ],
                )
                for kind, per_cent in _THRESHOLDS
            ],
        )
