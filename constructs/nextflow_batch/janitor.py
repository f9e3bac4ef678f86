"""A function that tidies up or watches, with a role of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from nextflow_batch.acknowledgements import acknowledge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextflow_batch.storage import Storage

#: The newest that Lambda and the rule packs have; AWS patches it.
#: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIME = lambda_.Runtime.PYTHON_3_14
_REASONS = {
    "LambdaDLQ": "an alarm counts its errors, and the next event or day repeats its work",
    "LambdaConcurrency": "reserving concurrency takes it from the account, a new one has ten",
    "LambdaInsideVPC": "it calls AWS's APIs alone, and reads no data",
    "CKV_AWS_50": "one line of its log says what it did; there is nothing to trace",
    "CKV_AWS_173": "its variables are names, none is secret",
    "CKV_AWS_272": "the CDK deploys what is reviewed here; signing needs a profile of the site's",
}
_SAME = {"CKV_AWS_115": "LambdaConcurrency", "CKV_AWS_116": "LambdaDLQ"}


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
        for same, rule in _SAME.items():
            acknowledge(self.function, {same: _REASONS[rule]})
        acknowledge(self.function, {**_REASONS, "CKV_AWS_117": _REASONS["LambdaInsideVPC"]})

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
