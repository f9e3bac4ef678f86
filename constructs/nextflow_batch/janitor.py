"""A function that tidies up or watches, with a role of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextflow_batch.storage import Storage

#: The newest that Lambda and the rule packs have; AWS patches it.
#: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIME = lambda_.Runtime.PYTHON_3_14


class Janitor(Construct):
    """One function of `assets/janitors`.

    It writes to the deployment's log group, as workers do.

    Attributes:
        function: The function.
        role: Its role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        module: str,
        description: str,
        code: lambda_.Code,
        storage: Storage,
        variables: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        """Define function, role and policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            module: The module with its handler.
            description: What it does.
            code: The folder of all functions.
            storage: Whose log group it writes to.
            variables: What it knows of its deployment.
            statements: What it may do besides.
        """
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=description,
            managed_policies=[self._make_access(description, storage, statements)],
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            handler=f"nextflow_janitors.{module}.handler",
            code=code,
            role=self.role,
            environment=dict(variables),
            log_group=storage.log_group,
            memory_size=256,
            timeout=Duration.minutes(10),
        )

    def _make_access(
        self, description: str, storage: Storage, statements: Sequence[iam.PolicyStatement]
    ) -> iam.ManagedPolicy:
        return iam.ManagedPolicy(
            self,
            "Access",
            description=description,
            statements=[
                iam.PolicyStatement(
                    sid="WriteLog",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[storage.log_group.log_group_arn],
                ),
                *statements,
            ],
        )
