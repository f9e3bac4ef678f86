"""Job definitions."""

from typing import Any

from local_aws.batch.container import with_defaults
from local_aws.batch.place import Place

# What RegisterJobDefinition takes and DescribeJobDefinitions gives back as it is.
_ECHOED = ("parameters", "schedulingPriority", "retryStrategy", "timeout", "propagateTags")


class JobDefinition:
    """One revision of a job definition.

    Attributes:
        name: The name that all revisions share.
        revision: The number of this one, from 1.
        arn: Its ARN, with the revision.
        status: `ACTIVE` or `INACTIVE`.
        request: The checked RegisterJobDefinition request.
        container: Its container properties.
    """

    def __init__(self, place: Place, request: dict[str, Any], revision: int) -> None:
        self.name: str = request["jobDefinitionName"]
        self.revision = revision
        self.arn = place.arn("job-definition", f"{self.name}:{revision}")
        self.status = "ACTIVE"
        self.request = request
        self.container = with_defaults(request["containerProperties"])

    @property
    def parameters(self) -> dict[str, str]:
        """Its defaults for `Ref::name`."""
        return dict(self.request.get("parameters", {}))

    @property
    def platform_capabilities(self) -> list[str]:
        """Where its jobs can run."""
        return list(self.request.get("platformCapabilities", ["EC2"]))

    def is_named_by(self, reference: str) -> bool:
        """Tell whether a name, `name:revision` or ARN stands for this revision."""
        return reference.rpartition("/")[2] in (self.name, f"{self.name}:{self.revision}")

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the revision as DescribeJobDefinitions does."""
        shown = {
            "jobDefinitionName": self.name,
            "jobDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "type": self.request["type"],
            "parameters": {},
            "containerProperties": self.container,
            "platformCapabilities": self.platform_capabilities,
            "containerOrchestrationType": "ECS",
            "tags": tags,
        }
        return shown | {name: self.request[name] for name in _ECHOED if name in self.request}
