"""Resources with nothing behind them on the local AWS."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any

from local_aws.cloudformation.handlers.handler import Handler, Properties


class Nothing(Handler):
    """A type that leaves no trace: `AWS::CDK::Metadata`, wait conditions, types we skip."""

    def create(self, name: str, properties: Properties) -> str:
        return name

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        """Returns a text that shows where it came from, so that what refers to it still works."""
        return f"{physical_id}.{name}"
