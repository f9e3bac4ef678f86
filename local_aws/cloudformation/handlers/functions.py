"""Lambda functions, none of which runs on the local AWS."""

# ruff: noqa: D102 -- what a handler's methods do is said once, in `Handler`

from typing import Any, ClassVar

from local_aws.cloudformation.handlers.handler import Properties
from local_aws.cloudformation.handlers.nothing import Nothing


class Function(Nothing):
    """`AWS::Lambda::Function`: a name and an ARN, to which rules can be targeted."""

    applies: ClassVar = frozenset[str]()

    def attribute(self, physical_id: str, properties: Properties, name: str) -> Any:
        if name != "Arn":
            return super().attribute(physical_id, properties, name)
        # Account and region, as in the ARN of the default bus.
        bus = self.call("events", "list_event_buses", NamePrefix="default")["EventBuses"][0]["Arn"]
        return bus.replace(":events:", ":lambda:").replace(
            ":event-bus/default", f":function:{physical_id}"
        )
