"""One deployment: its stacks and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, App, Environment

from nextflow_batch.tags import tag
from stacks import idle_cost, roles
from stacks.batch import BatchStack
from stacks.data import DataStack
from stacks.operations import OperationsStack

if TYPE_CHECKING:
    from stacks.settings import Settings


def declare(app: App, settings: Settings) -> None:
    """Declare the stacks that the settings ask for.

    Args:
        app: The CDK app.
        settings: What the deployment is made of.
    """
    where = Environment(account=settings.account, region=settings.region)
    name = f"nextflow-{settings.deployment}"
    data = DataStack(app, f"{name}-data", env=where, settings=settings.storage)
    BatchStack(app, f"{name}-batch", env=where, settings=settings, data=data)
    if settings.operations:
        OperationsStack(app, f"{name}-operations", env=where, settings=settings, data=data)
    tag(app, settings.deployment, settings.tags)
    roles.apply(app, settings.roles)
    # `cdk synth` prints it.
    Annotations.of(data).add_info_v2("nextflow-batch:cost", idle_cost.report(app, settings))
